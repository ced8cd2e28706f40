// Operations on the address space of one process: making a mapping and taking it away, touched in between or not.
#define _GNU_SOURCE
#include "batches.h"
#include <sys/mman.h>

#define BYTES ((size_t)64 << 10) // of a mapping: the touch of one of its pages makes the kernel add page tables

static volatile char *map(void)
{
    char *mapping = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED)
        die("mapping memory");
    return mapping;
}

static void unmap(volatile char *mapping)
{
    if (munmap((void *)mapping, BYTES))
        die("unmapping memory");
}

static void map_and_unmap(long times)
{
    while (times--)
        unmap(map());
}

static void map_touch_and_unmap(long times)
{
    while (times--) {
        volatile char *mapping = map();
        *mapping = 1;
        unmap(mapping);
    }
}

static const struct operation operations[] = {
    {"map", NULL, map_and_unmap},
    {"touch", NULL, map_touch_and_unmap},
    {NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
    return run(operations, argc, argv);
}
