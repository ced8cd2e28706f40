// A second process on a CPU of its own or on ours, and a word in shared memory that says whose turn it is.
#pragma once
#include "batches.h"
#include <linux/futex.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum party { US, PARTNER };

// A party cannot go on alone, and why the partner ended it has said itself.
static inline void partner_gone(int number)
{
    (void)number;
    _exit(1);
}

// Start a process that serves on that CPU until we end.
static inline void partner(int cpu, void (*serve)(void))
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

static _Atomic int *turn; // whose turn it is, in memory that both share

// Returns whether the other party was asleep and is woken.
static inline int pass_to(enum party party)
{
    atomic_store(turn, (int)party);
    long woken = syscall(SYS_futex, turn, FUTEX_WAKE, 1, NULL, NULL, 0);
    if (woken < 0)
        die("waking by futex");
    return woken == 1;
}

static inline void await(enum party party)
{
    while (atomic_load(turn) != (int)party)
        if (syscall(SYS_futex, turn, FUTEX_WAIT, !party, NULL, NULL, 0) && errno != EAGAIN && errno != EINTR)
            die("waiting by futex");
}

// Start a partner whose turn it is not.
static inline void share_turn(int cpu, void (*serve)(void))
{
    turn = mmap(NULL, sizeof *turn, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (turn == MAP_FAILED)
        die("shared memory");
    partner(cpu, serve);
}
