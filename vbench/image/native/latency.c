// The time of one load that depends on the one before, by the size of the memory that the loads walk through.
//
//     latency SECONDS small|huge STRIDE SIZE...        such as: latency 1 small 64 16k 1m 128m
//
// The memory holds one pointer every STRIDE bytes, and the pointers form a single random cycle (Sattolo, 1986), so that
// neither a prefetcher nor the processor's order of execution can help; lmbench's lat_mem_rd -t does the same.
// The seconds are shared equally by the sizes. Sizes are in bytes, k or m stand for KiB and MiB.
#include "clock.h"
#include "pages.h"
#include <stdint.h>

#define CHASE 4096     // loads between two looks at the clock, when one takes about a nanosecond
#define WARM (1 << 17) // loads before the clock starts, at most

static uint64_t state = 88172645463325252; // of Marsaglia's xorshift64: the same walk in every target

static size_t random_below(size_t limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (size_t)(state % limit);
}

static size_t parse_size(const char *text)
{
    char *unit;
    size_t number = strtoul(text, &unit, 10);
    return *unit == 'm' ? number << 20 : *unit == 'k' ? number << 10 : number;
}

static void link_cycle(char *memory, size_t stride, size_t count)
{
    for (size_t i = 0; i < count; i++)
        *(void **)(memory + i * stride) = memory + i * stride;
    for (size_t i = count - 1; i > 0; i--) {
        void **here = (void **)(memory + i * stride), **there = (void **)(memory + random_below(i) * stride);
        void *swapped = *here;
        *here = *there;
        *there = swapped;
    }
}

static void **chase(void **at, size_t loads)
{
    while (loads--)
        at = *at;
    return at;
}

// Seconds of one load, over about so many seconds; ends the program where the walk left the cycle.
static double measure(char *memory, size_t stride, size_t count, double seconds)
{
    link_cycle(memory, stride, count);
    void **at = chase((void **)memory, count < WARM ? count : WARM);
    double start = now(), end = start + seconds, last;
    size_t loads = 0;
    do {
        at = chase(at, CHASE);
        loads += CHASE;
        last = now();
    } while (last < end);
    size_t offset = (size_t)((char *)at - memory);
    if (offset >= count * stride || offset % stride) {
        fprintf(stderr, "the walk through the memory went astray\n");
        exit(1);
    }
    return (last - start) / (double)loads;
}

int main(int argc, char **argv)
{
    double seconds = argc > 4 ? atof(argv[1]) : 0;
    size_t stride = argc > 4 ? parse_size(argv[3]) : 0, largest = 0;
    for (int i = 4; i < argc; i++) {
        size_t size = parse_size(argv[i]);
        largest = size > largest ? size : largest;
        if (stride % sizeof(void *) || stride == 0 || size / stride < 2)
            seconds = 0;
    }
    if (!(seconds > 0)) {
        fprintf(stderr, "%s SECONDS small|huge STRIDE SIZE... (sizes of two strides or more)\n", argv[0]);
        return 2;
    }
    char *memory = present(largest, argv[2]);
    for (int i = 4; i < argc; i++) {
        double each = measure(memory, stride, parse_size(argv[i]) / stride, seconds / (argc - 4));
        printf("%s\"%s\": %.5g", i == 4 ? "{" : ", ", argv[i], each);
    }
    printf("}\n");
    return 0;
}
