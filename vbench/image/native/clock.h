// The clock of every program here.
#pragma once
#include <time.h>

// Seconds since some moment of the past, in steps of a nanosecond; never set back.
static inline double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}
