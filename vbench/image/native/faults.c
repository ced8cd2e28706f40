// Page faults per second: the first touch of anonymous memory, over and over.
//
//     faults SECONDS small|huge MEBIBYTES
//
// Only the touching is timed. Giving the pages back in between is not: one call does it for all of them.
#include "clock.h"
#include "pages.h"

int main(int argc, char **argv)
{
    double seconds = argc == 4 ? atof(argv[1]) : 0;
    size_t bytes = argc == 4 ? (size_t)atol(argv[3]) << 20 : 0;
    if (!(seconds > 0) || bytes < HUGE_PAGE || bytes % HUGE_PAGE) {
        fprintf(stderr, "%s SECONDS small|huge MEBIBYTES (an even number of them)\n", argv[0]);
        return 2;
    }
    char *region = present(bytes, argv[2]);
    size_t page = is_huge(argv[2]) ? HUGE_PAGE : (size_t)sysconf(_SC_PAGESIZE);
    long counted = 0, rounds = 0;
    double touching = 0, end = now() + seconds;
    for (; rounds == 0 || now() < end; rounds++) {
        if (madvise(region, bytes, MADV_DONTNEED))
            fail("giving memory back");
        long before = faults();
        double start = now();
        touch(region, bytes);
        touching += now() - start;
        counted += faults() - before;
    }
    refuse_small(argv[2], (double)bytes * (double)rounds, counted);
    double pages = (double)rounds * (double)(bytes / page);
    printf("{\"rate\": %.6g, \"pages\": %.0f, \"counted\": %ld}\n", pages / touching, pages, counted);
    return 0;
}
