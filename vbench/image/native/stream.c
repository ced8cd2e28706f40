// Sustained bandwidth of memory: the four kernels of STREAM (J. D. McCalpin, 1995), by a number of threads.
//
//     stream SECONDS THREADS MEMORY
//
// Each of the three arrays takes a sixteenth of MEMORY. STREAM prints the best pass; this is the mean over all passes but
// the first, for the time that a hypervisor takes away is what we are after. Bytes are counted as STREAM does: what
// the kernel names, and not what a cache fetches before it is overwritten.
#include "clock.h"
#include "pages.h"
#include <math.h>
#include <omp.h>

// The C library's memcpy chooses its instructions by the processor's flags, which differ between targets.
#pragma GCC optimize("no-tree-loop-distribute-patterns")

#define KERNELS 4
#define APART (17 * SMALL_PAGE / sizeof(double) + 40) // else equal elements meet in the same sets of caches and TLBs
#define SCALAR 0.41421356237309503 // the root of two less one keeps the arrays as they are, pass after pass

static void run(int kernel, double *a, double *b, double *c, size_t length)
{
    switch (kernel) {
    case 0:
#pragma omp parallel for
        for (size_t i = 0; i < length; i++)
            c[i] = a[i];
        break;
    case 1:
#pragma omp parallel for
        for (size_t i = 0; i < length; i++)
            b[i] = SCALAR * c[i];
        break;
    case 2:
#pragma omp parallel for
        for (size_t i = 0; i < length; i++)
            c[i] = a[i] + b[i];
        break;
    case 3:
#pragma omp parallel for
        for (size_t i = 0; i < length; i++)
            a[i] = b[i] + SCALAR * c[i];
        break;
    }
}

// Every element of an array is equal; a grain of rounding for each pass may have gathered. One in a page is looked at.
static void check(const double *array, size_t length, double wanted)
{
    for (size_t i = 0; i < length; i += SMALL_PAGE / sizeof *array)
        if (!(fabs(array[i] - wanted) < 1e-8)) {
            fprintf(stderr, "element %zu is %.17g and not %.17g\n", i, array[i], wanted);
            exit(1);
        }
}

int main(int argc, char **argv)
{
    double seconds = argc == 4 ? atof(argv[1]) : 0;
    int threads = argc == 4 ? atoi(argv[2]) : 0;
    size_t bytes = argc == 4 ? strtoul(argv[3], NULL, 10) / 16 / HUGE_PAGE * HUGE_PAGE : 0;
    if (!(seconds > 0) || threads < 1 || bytes == 0) {
        fprintf(stderr, "%s SECONDS THREADS MEMORY (bytes, 32 MiB or more)\n", argv[0]);
        return 2;
    }
    omp_set_num_threads(threads);
    size_t length = bytes / sizeof(double);
    double *a = reserve(3 * bytes + HUGE_PAGE, "small"), *b = a + length + APART, *c = b + length + APART;
#pragma omp parallel for
    for (size_t i = 0; i < length; i++) {
        a[i] = 1;
        b[i] = 2;
        c[i] = 0;
    }
    static const char *const names[KERNELS] = {"copy", "scale", "add", "triad"};
    static const double arrays[KERNELS] = {2, 2, 3, 3};
    double took[KERNELS] = {0}, start = now();
    long passes = 0;
    for (; passes < 2 || now() < start + seconds; passes++)
        for (int kernel = 0; kernel < KERNELS; kernel++) {
            double began = now();
            run(kernel, a, b, c, length);
            took[kernel] += passes ? now() - began : 0;
        }
    check(a, length, 1);
    check(b, length, SCALAR);
    check(c, length, 1 + SCALAR);
    for (int kernel = 0; kernel < KERNELS; kernel++) {
        double moved = arrays[kernel] * (double)bytes * (double)(passes - 1);
        printf("%s\"%s\": %.6g", kernel ? ", " : "{", names[kernel], moved / took[kernel]);
    }
    printf(", \"passes\": %ld, \"threads\": %d, \"array\": %zu}\n", passes - 1, threads, bytes);
    return 0;
}
