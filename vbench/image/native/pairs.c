// Operations of two parties: turns by pipe, socket and futex, streams of blocks, interrupts between processors.
#define _GNU_SOURCE
#include "partner.h"
#include <linux/membarrier.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BLOCK 65536 // bytes; what a pipe holds unless told otherwise

static struct {
    int in, out;
} ends[2]; // what each party reads from and writes to

static char block[BLOCK];

static void connect_pipes(void)
{
    int there[2], back[2];
    if (pipe(there) || pipe(back))
        die("a pipe");
    ends[US].in = back[0], ends[US].out = there[1];
    ends[PARTNER].in = there[0], ends[PARTNER].out = back[1];
}

static void connect_sockets(void)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        die("a pair of sockets");
    ends[US].in = ends[US].out = pair[0];
    ends[PARTNER].in = ends[PARTNER].out = pair[1];
}

static void give(enum party party)
{
    if (write(ends[party].out, block, 1) != 1)
        die("writing a byte");
}

static void take(enum party party)
{
    if (read(ends[party].in, block, 1) != 1)
        die("reading a byte");
}

static void echo(void)
{
    take(PARTNER);
    give(PARTNER);
}

static void round_trips(long times)
{
    while (times--) {
        give(US);
        take(US);
    }
}

static void drain(void)
{
    if (read(ends[PARTNER].in, block, BLOCK) <= 0)
        die("reading a block");
}

static void write_blocks(long times)
{
    while (times--)
        if (write(ends[US].out, block, BLOCK) != BLOCK)
            die("writing a block");
}

static void pipe_echo(void)
{
    connect_pipes();
    partner(0, echo);
}

static void unix_echo(void)
{
    connect_sockets();
    partner(0, echo);
}

static void pipe_drain(void)
{
    connect_pipes();
    partner(0, drain);
}

static void unix_drain(void)
{
    connect_sockets();
    partner(0, drain);
}

static void return_turn(void)
{
    await(PARTNER);
    pass_to(US);
}

static void take_turns(long times)
{
    while (times--) {
        pass_to(PARTNER);
        await(US);
    }
}

static void share_turn_here(void)
{
    share_turn(0, return_turn);
}

// Never sleeps and never pauses, for a pause may exit: the interrupts find its CPU awake, in our address space.
static _Atomic int spinning;

static void *spin(void *argument)
{
    pin(1);
    for (atomic_store(&spinning, 1); atomic_load(&spinning);)
        ;
    return argument;
}

static void spin_across(void)
{
    pthread_t thread;
    errno = pthread_create(&thread, NULL, spin, NULL);
    if (errno)
        die("a thread");
    while (!atomic_load(&spinning))
        sched_yield();
}

static void register_barrier(void)
{
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0))
        die("registering for membarrier");
    spin_across();
}

static void barriers(long times)
{
    while (times--)
        if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0))
            die("membarrier");
}

static const struct operation operations[] = {
    {"switch-pipe", pipe_echo, round_trips},
    {"switch-futex", share_turn_here, take_turns},
    {"unix", unix_echo, round_trips},
    {"pipe-bandwidth", pipe_drain, write_blocks},
    {"unix-bandwidth", unix_drain, write_blocks},
    {"ipi", register_barrier, barriers},
    {NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
    return run(operations, argc, argv);
}
