// How long a sleeper takes to run again, each time for itself: woken by its timer, or by another CPU.
#define _GNU_SOURCE
#include "partner.h"

#define PERIOD 1e-3 // seconds of sleep
#define LEAST 100 // wake-ups; fewer have no 99th percentile
#define UNCOUNTED (-1.0)

struct kind {
    const char *name;
    void (*prepare)(void);
    double (*once)(void); // seconds; takes a PERIOD at least
};

// Linux may delay the timers of an ordinary process by 50 us, to bundle them; a kernel that cannot has none to forbid.
static void forbid_slack(void)
{
    prctl(PR_SET_TIMERSLACK, 1L);
}

static double sleep_too_long(void)
{
    double moment = now() + PERIOD;
    struct timespec then = {.tv_sec = (time_t)moment, .tv_nsec = (long)(1e9 * (moment - (double)(time_t)moment))};
    errno = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL);
    if (errno)
        die("sleeping");
    return now() - moment;
}

static void answer(void)
{
    await(PARTNER);
    atomic_store(turn, US);
}

static void sleeper_across(void)
{
    share_turn(1, answer);
}

// We stay awake: the other CPU has gone idle, and only its way back is measured. A partner still awake does not count.
static double wake_across(void)
{
    double start = now();
    while (now() < start + PERIOD)
        ;
    start = now();
    int slept = pass_to(PARTNER);
    while (atomic_load(turn) != US)
        ;
    return slept ? now() - start : UNCOUNTED;
}

static const struct kind kinds[] = {
    {"timer", forbid_slack, sleep_too_long},
    {"wake", sleeper_across, wake_across},
};

static void measure_each(const struct kind *kind, double seconds)
{
    long wakeups = 0;
    double sum = 0, *latencies = calloc((size_t)(seconds / PERIOD) + LEAST + 1, sizeof *latencies);
    if (latencies == NULL)
        die("memory for the wake-ups");
    for (double end = now() + seconds; wakeups < LEAST || now() < end;) {
        double latency = kind->once();
        if (latency != UNCOUNTED)
            sum += latencies[wakeups++] = latency;
    }
    qsort(latencies, (size_t)wakeups, sizeof *latencies, ascending);
    printf("{\"wakeups\": %ld, \"latency_mean\": %.6g, \"latency_p50\": %.6g, \"latency_p99\": %.6g}\n", wakeups,
           sum / (double)wakeups, latencies[wakeups / 2], latencies[wakeups * 99 / 100]);
    free(latencies);
}

int main(int argc, char **argv)
{
    double seconds = argc == 3 ? atof(argv[2]) : 0;
    const struct kind *kind = kinds;
    if (argc == 3 && strcmp(argv[1], kind->name) != 0)
        kind++;
    if (!(seconds > 0 && seconds < 3600) || strcmp(argv[1], kind->name) != 0) {
        fprintf(stderr, "usage: %s timer|wake SECONDS\n", argv[0]);
        return 2;
    }
    if (sched_getaffinity(0, sizeof allowed, &allowed))
        die("asking for the allowed CPUs");
    pin(0);
    kind->prepare();
    measure_each(kind, seconds);
    return 0;
}
