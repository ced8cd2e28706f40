// Operations of one process: the kernel's cheap services, processes and threads, instructions that may exit.
#define _GNU_SOURCE
#include "batches.h"
#include <pthread.h>
#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __x86_64__
#include <sys/io.h>
#endif

#define POST_PORT 0x80 // takes the firmware's progress codes; Linux itself writes to it to pass time

static void call_getppid(long times)
{
    while (times--)
        getppid();
}

static void call_getpid(long times)
{
    while (times--)
        getpid();
}

static void read_clock(long times)
{
    struct timespec time;
    while (times--)
        clock_gettime(CLOCK_MONOTONIC, &time);
}

static volatile sig_atomic_t delivered;

static void handle(int number)
{
    (void)number;
    delivered = 1;
}

static void handle_signals(void)
{
    struct sigaction action = {.sa_handler = handle};
    if (sigaction(SIGUSR1, &action, NULL))
        die("handling a signal");
}

static void signal_self(long times)
{
    while (times--) {
        delivered = 0;
        if (kill(getpid(), SIGUSR1) || !delivered)
            die("a signal to ourselves");
    }
}

static void reap(pid_t child)
{
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child)
        die("a new process");
    if (status) {
        fprintf(stderr, "a new process ended with status %#x\n", (unsigned)status);
        exit(1);
    }
}

static void fork_and_wait(long times)
{
    while (times--) {
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        reap(child);
    }
}

static void fork_exec_and_wait(long times)
{
    while (times--) {
        pid_t child = fork();
        if (child == 0) {
            execl("/bin/true", "true", (char *)NULL);
            _exit(127);
        }
        reap(child);
    }
}

static void *nothing(void *argument)
{
    return argument;
}

static void create_and_join(long times)
{
    while (times--) {
        pthread_t thread;
        errno = pthread_create(&thread, NULL, nothing, NULL);
        if (errno || pthread_join(thread, NULL))
            die("a new thread");
    }
}

#ifdef __x86_64__
static void execute_cpuid(long times)
{
    while (times--) {
        unsigned leaf = 0, subleaf = 0;
        __asm__ volatile("cpuid" : "+a"(leaf), "+c"(subleaf) : : "ebx", "edx");
    }
}

static void execute_rdtsc(long times)
{
    while (times--)
        __asm__ volatile("rdtsc" : : : "eax", "edx");
}

static void open_port(void)
{
    if (ioperm(POST_PORT, 1, 1))
        die("access to I/O port 0x80, which takes CAP_SYS_RAWIO and a kernel with ioperm");
}

static void write_port(long times)
{
    while (times--)
        outb(0, POST_PORT);
}
#endif

static const struct operation operations[] = {
    {"getppid", NULL, call_getppid},
    {"getpid", NULL, call_getpid},
    {"clock", NULL, read_clock},
    {"signal", handle_signals, signal_self},
    {"fork", NULL, fork_and_wait},
    {"exec", NULL, fork_exec_and_wait},
    {"thread", NULL, create_and_join},
#ifdef __x86_64__
    {"cpuid", NULL, execute_cpuid},
    {"rdtsc", NULL, execute_rdtsc},
    {"port", open_port, write_port},
#endif
    {NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
    return run(operations, argc, argv);
}
