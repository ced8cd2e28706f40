// Taking the right to write away from one page, while threads on the other CPUs read it.
//
//     protect SECONDS THREADS
//
// Every CPU that runs a thread of the process may hold the page's old translation in its TLB. The kernel interrupts them
// all and waits (a shootdown), unless the processor or the hypervisor offers another way. THREADS counts the one that
// takes the right away; each stays on its own CPU, and with one there is nobody to interrupt.
#define _GNU_SOURCE
#include "batches.h"
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

static volatile char *page;
static long page_size;

static void *read_on(void *which)
{
    pin((int)(long)which);
    for (;;)
        (void)*page;
    return NULL;
}

static void protect(int rights)
{
    if (mprotect((void *)page, (size_t)page_size, rights))
        die("protecting a page");
}

static void take_away(long times)
{
    while (times--) {
        protect(PROT_READ | PROT_WRITE);
        *page = 1; // else the kernel knows that no TLB holds the right to write
        protect(PROT_READ);
    }
}

int main(int argc, char **argv)
{
    double seconds = argc == 3 ? atof(argv[1]) : 0;
    int threads = argc == 3 ? atoi(argv[2]) : 0;
    if (!(seconds > 0 && seconds < 3600) || threads < 1) {
        fprintf(stderr, "%s SECONDS THREADS\n", argv[0]);
        return 2;
    }
    if (sched_getaffinity(0, sizeof allowed, &allowed))
        die("asking for the allowed CPUs");
    page_size = sysconf(_SC_PAGESIZE);
    page = mmap(NULL, (size_t)page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        die("mapping a page");
    for (long which = 1; which < threads; which++) {
        pthread_t thread;
        if ((errno = pthread_create(&thread, NULL, read_on, (void *)which)))
            die("starting a thread");
    }
    pin(0);
    measure(&(struct operation){"protect", NULL, take_away}, seconds);
    return 0;
}
