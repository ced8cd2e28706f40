// Random updates per second: the RandomAccess test of the HPC Challenge (GUPS is 1e9 of them a second), by one thread.
//
//     gups SECONDS small|huge MEMORY
//
// The table takes the largest power of two bytes that a quarter of MEMORY holds. Updates follow HPCC's sequence of
// numbers and are exclusive ors, so doing all of them again restores the table: the second half of the time is as good a
// measurement as the first, and what it leaves behind proves that no update was lost.
#include "clock.h"
#include "pages.h"
#include <stdint.h>

#define POLY 7 // of the primitive polynomial x^64 + x^2 + x + 1 over GF(2)
#define CHUNK 65536

static uint64_t update(uint64_t *table, uint64_t mask, uint64_t next)
{
    for (int i = 0; i < CHUNK; i++) {
        next = (next << 1) ^ ((int64_t)next < 0 ? POLY : 0);
        table[next & mask] ^= next;
    }
    return next;
}

int main(int argc, char **argv)
{
    double seconds = argc == 4 ? atof(argv[1]) : 0;
    size_t memory = argc == 4 ? strtoul(argv[3], NULL, 10) : 0, words = 1;
    while (words * 2 * sizeof(uint64_t) <= memory / 4)
        words *= 2;
    if (!(seconds > 0) || words * sizeof(uint64_t) < HUGE_PAGE) {
        fprintf(stderr, "%s SECONDS small|huge MEMORY (bytes, 8 MiB or more)\n", argv[0]);
        return 2;
    }
    uint64_t *table = present(words * sizeof *table, argv[2]), next = 1, wrong = 0;
    for (size_t i = 0; i < words; i++)
        table[i] = i;
    long chunks = 0;
    double start = now();
    for (; chunks == 0 || now() < start + seconds / 2; chunks++)
        next = update(table, words - 1, next);
    next = 1;
    for (long i = 0; i < chunks; i++)
        next = update(table, words - 1, next);
    double took = now() - start;
    for (size_t i = 0; i < words; i++)
        wrong += table[i] != i;
    if (wrong) {
        fprintf(stderr, "%lu of the table's words are not as they were before\n", (unsigned long)wrong);
        return 1;
    }
    printf("{\"rate\": %.6g, \"updates\": %ld, \"bytes\": %zu}\n", 2.0 * CHUNK * (double)chunks / took, 2 * CHUNK * chunks,
           words * sizeof *table);
    return 0;
}
