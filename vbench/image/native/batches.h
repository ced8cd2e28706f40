// Repeat one operation for some seconds, in batches, on one CPU; the programs differ in their tables of operations.
//
// A batch is long enough that reading the clock costs it nothing. The rate is over all batches, so an interruption
// counts; the median over the batches of the mean time of one operation is free of the few that were interrupted.
#pragma once
#include "clock.h"
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 0.01 // seconds, at least

struct operation {
    const char *name;
    void (*prepare)(void); // once, untimed; may be NULL
    void (*repeat)(long times);
};

static cpu_set_t allowed; // the CPUs that we were given

static inline _Noreturn void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

// Stay on one of the allowed CPUs, the first being 0: no result may depend on where the scheduler puts us.
static inline void pin(int which)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &allowed) && which-- == 0)
            CPU_SET(cpu, &one);
    if (CPU_COUNT(&one) == 0) {
        fprintf(stderr, "this takes two CPUs and there is one: give every target two with --cpus 2\n");
        exit(1);
    }
    if (sched_setaffinity(0, sizeof one, &one))
        die("staying on one CPU");
}

static inline double seconds_of(const struct operation *operation, long times)
{
    double start = now();
    operation->repeat(times);
    return now() - start;
}

// How many operations make a batch. The quicker of two runs decides: one that was interrupted seems long enough.
static inline long calibrate(const struct operation *operation)
{
    long times = 1;
    while (fmin(seconds_of(operation, times), seconds_of(operation, times)) < BATCH)
        times *= 2;
    return times;
}

static inline int ascending(const void *left, const void *right)
{
    double difference = *(const double *)left - *(const double *)right;
    return (difference > 0) - (difference < 0);
}

// Measure for some seconds, one batch at least, and print the rate (1/s) and the median cost (s) as JSON.
static inline void measure(const struct operation *operation, double seconds)
{
    long times = calibrate(operation), batches = 0, room = 0;
    double total = 0, *costs = NULL;
    while (total < seconds) {
        if (batches == room && !(costs = realloc(costs, (size_t)(room += 1024) * sizeof *costs)))
            die("memory for the batches");
        double batch = seconds_of(operation, times);
        costs[batches++] = batch / (double)times;
        total += batch;
    }
    qsort(costs, (size_t)batches, sizeof *costs, ascending);
    double median = (costs[(batches - 1) / 2] + costs[batches / 2]) / 2;
    free(costs);
    printf("{\"operation\": \"%s\", \"rate\": %.6g, \"latency_p50\": %.6g, \"batches\": %ld, \"times\": %ld}\n",
           operation->name, (double)(batches * times) / total, median, batches, times);
}

static inline const struct operation *find(const struct operation *operations, const char *name)
{
    for (const struct operation *each = operations; each->name; each++)
        if (strcmp(each->name, name) == 0)
            return each;
    fprintf(stderr, "there is no operation '%s' on this architecture, only", name);
    for (const struct operation *each = operations; each->name; each++)
        fprintf(stderr, " %s", each->name);
    fprintf(stderr, "\n");
    exit(2);
}

// PROGRAM OPERATION SECONDS, of a table that ends with an operation without a name.
static inline int run(const struct operation *operations, int argc, char **argv)
{
    double seconds = argc == 3 ? atof(argv[2]) : 0;
    if (!(seconds > 0 && seconds < 3600)) {
        fprintf(stderr, "usage: %s OPERATION SECONDS\n", argv[0]);
        return 2;
    }
    const struct operation *operation = find(operations, argv[1]);
    if (sched_getaffinity(0, sizeof allowed, &allowed))
        die("asking for the allowed CPUs");
    pin(0);
    if (operation->prepare)
        operation->prepare();
    measure(operation, seconds);
    return 0;
}
