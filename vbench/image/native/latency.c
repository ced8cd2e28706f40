// The time of one load that depends on the one before, by the size of the memory that the loads walk through.
//
//     latency SECONDS small|huge STRIDE SIZE...        such as: latency 1 small 64 16k 1m 128m
//
// The memory holds a pointer every STRIDE bytes, a power of two of them. They form a single cycle in the order of a
// linear congruential generator of full period (Hull and Dobell, 1962), so that neither a prefetcher nor the processor's
// order of execution can help, as in lmbench's lat_mem_rd -t. One sequential pass writes it, since shuffling the
// pointers takes ten times as long as the measurement where a guest is nested.
// The seconds are shared equally by the sizes. Sizes are in bytes, k or m stand for KiB and MiB.
#include "clock.h"
#include "pages.h"

#define FACTOR ((size_t)1664525)  // of Numerical Recipes' generator; one more than a multiple of 4, and
#define STEP ((size_t)1013904223) // odd: that makes the period full for every power of two
#define CHASE 4096                // loads between two looks at the clock
#define WARM (1 << 17)            // loads before the clock starts, at most

static size_t parse_size(const char *text)
{
    char *unit;
    size_t number = strtoul(text, &unit, 10);
    return *unit == 'm' ? number << 20 : *unit == 'k' ? number << 10 : number;
}

static void link_cycle(char *memory, size_t stride, size_t count)
{
    for (size_t i = 0; i < count; i++)
        *(void **)(memory + i * stride) = memory + ((FACTOR * i + STEP) & (count - 1)) * stride;
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
        size_t count = stride ? size / stride : 0;
        if (stride % sizeof(void *) || size % stride || count < 2 || (count & (count - 1)))
            seconds = 0;
    }
    if (!(seconds > 0)) {
        fprintf(stderr, "%s SECONDS small|huge STRIDE SIZE... (a size is 2, 4, 8 ... strides)\n", argv[0]);
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
