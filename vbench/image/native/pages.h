// Anonymous memory in pages of one kind, so that no target's policy for huge pages decides what is measured.
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define HUGE_PAGE ((size_t)2 << 20)
#define SMALL_PAGE ((size_t)4096) // the least; touching larger ones more than once does no harm
#define FALLEN 0.02               // share of the huge pages for which small ones may stand in
#define TRIES 4

static inline _Noreturn void fail(const char *what)
{
    perror(what);
    exit(1);
}

static inline int is_huge(const char *kind)
{
    if (strcmp(kind, "huge") != 0 && strcmp(kind, "small") != 0) {
        fprintf(stderr, "'%s' is no kind of pages: small or huge\n", kind);
        exit(2);
    }
    return strcmp(kind, "huge") == 0;
}

// So many bytes at a multiple of 2 MiB, of the kind "small" or "huge" and not touched yet.
static inline void *reserve(size_t bytes, const char *kind)
{
    char *all = mmap(NULL, bytes + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED)
        fail("reserving memory");
    char *start = all + (HUGE_PAGE - (size_t)all % HUGE_PAGE) % HUGE_PAGE;
    // A kernel without huge pages knows neither advice; small pages are all that it has.
    if (madvise(start, bytes, is_huge(kind) ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) && is_huge(kind))
        fail("asking for huge pages");
    return start;
}

static inline long faults(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
}

// Write to every page.
static inline void touch(volatile char *start, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += SMALL_PAGE)
        start[at] = 1;
}

// Whether so many faults say that the kernel gave small pages for many of the huge ones it was asked for.
static inline int fell_back(const char *kind, double bytes, long counted)
{
    double pages = bytes / (double)HUGE_PAGE, most = pages * (double)(HUGE_PAGE / SMALL_PAGE);
    return is_huge(kind) && (double)counted > pages + FALLEN * most;
}

static inline void refuse_small(const char *kind, double bytes, long counted)
{
    if (fell_back(kind, bytes, counted)) {
        fprintf(stderr, "%ld page faults for %.0f huge pages: the kernel gave small ones\n", counted, bytes / HUGE_PAGE);
        exit(1);
    }
}

// At least so many bytes of the kind with all pages present. The first try makes room: only small pages push out the page cache of
// a control group that is full.
static inline void *present(size_t bytes, const char *kind)
{
    bytes = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    char *start = reserve(bytes, kind);
    long counted = 0;
    for (int tries = 0; tries == 0 || (tries < TRIES && fell_back(kind, (double)bytes, counted)); tries++) {
        if (madvise(start, bytes, MADV_DONTNEED))
            fail("giving memory back");
        long before = faults();
        touch(start, bytes);
        counted = faults() - before;
    }
    refuse_small(kind, (double)bytes, counted);
    return start;
}
