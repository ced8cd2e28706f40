// Operations of two parties: turns by pipe, socket and futex, streams of blocks, interrupts between processors.
#define _GNU_SOURCE
#include "batches.h"
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BLOCK 65536 // bytes; what a pipe holds unless told otherwise

enum party { US, PARTNER };

static struct {
    int in, out;
} ends[2]; // what each party reads from and writes to

static char block[BLOCK];

// A party cannot go on alone, and why the partner ended it has said itself.
static void partner_gone(int number)
{
    (void)number;
    _exit(1);
}

// Start a process that serves on that CPU until we end.
static void partner(int cpu, void (*serve)(void))
{
    signal(SIGCHLD, partner_gone);
    pid_t child = fork();
    if (child < 0)
        die("a partner");
    if (child > 0)
        return;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL))
        die("ending with the parent");
    pin(cpu);
    for (;;)
        serve();
}

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

static _Atomic int *turn; // whose turn it is, in memory that both share

static void pass_to(enum party party)
{
    atomic_store(turn, (int)party);
    if (syscall(SYS_futex, turn, FUTEX_WAKE, 1, NULL, NULL, 0) < 0)
        die("waking by futex");
}

static void await(enum party party)
{
    while (atomic_load(turn) != (int)party)
        if (syscall(SYS_futex, turn, FUTEX_WAIT, !party, NULL, NULL, 0) && errno != EAGAIN && errno != EINTR)
            die("waiting by futex");
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

static void share_turn(int cpu)
{
    turn = mmap(NULL, sizeof *turn, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (turn == MAP_FAILED)
        die("shared memory");
    partner(cpu, return_turn);
}

static void turns_here(void)
{
    share_turn(0);
}

static void turns_across(void)
{
    share_turn(1);
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
    {"switch-futex", turns_here, take_turns},
    {"unix", unix_echo, round_trips},
    {"pipe-bandwidth", pipe_drain, write_blocks},
    {"unix-bandwidth", unix_drain, write_blocks},
    {"wake", turns_across, take_turns},
    {"ipi", register_barrier, barriers},
    {NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
    return run(operations, argc, argv);
}
