// How late a sleeping process is woken by its timer, a millisecond after the last time, for SECONDS and 100 wake-ups at
// least: what cyclictest does, without asking for real-time priority, which a container may not have.
#define _GNU_SOURCE
#include "batches.h"
#include <sys/prctl.h>

#define PERIOD 1e-3 // seconds between two wake-ups
#define LEAST 100 // wake-ups; fewer have no 99th percentile

static void sleep_until(double moment)
{
    struct timespec then = {.tv_sec = (time_t)moment, .tv_nsec = (long)(1e9 * (moment - (double)(time_t)moment))};
    errno = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL);
    if (errno)
        die("sleeping");
}

int main(int argc, char **argv)
{
    double seconds = argc == 2 ? atof(argv[1]) : 0;
    if (!(seconds > 0 && seconds < 3600)) {
        fprintf(stderr, "usage: %s SECONDS\n", argv[0]);
        return 2;
    }
    long wakeups = 0;
    double sum = 0, *late = calloc((size_t)fmax(seconds / PERIOD, LEAST) + 1, sizeof *late);
    if (late == NULL)
        die("memory for the wake-ups");
    prctl(PR_SET_TIMERSLACK, 1L); // Linux may delay the timers of ordinary processes by 50 us; others have no such thing
    double begin = now(), next = begin + PERIOD;
    while (wakeups < LEAST || next < begin + seconds) {
        sleep_until(next);
        late[wakeups] = now() - next;
        sum += late[wakeups++];
        next = now() + PERIOD;
    }
    qsort(late, (size_t)wakeups, sizeof *late, ascending);
    printf("{\"wakeups\": %ld, \"latency_mean\": %.6g, \"latency_p50\": %.6g, \"latency_p99\": %.6g}\n",
           wakeups, sum / (double)wakeups, late[wakeups / 2], late[wakeups * 99 / 100]);
    free(late);
    return 0;
}
