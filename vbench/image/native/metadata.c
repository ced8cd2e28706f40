// Metadata calls per second: names given to a file, looked up and taken away, over and over.
//
//     metadata FOLDER SECONDS
//
// Rounds of 100 names in a new folder. Each kind of call is timed by the round, so that reading the clock costs nothing.
// The names are hard links, since ext4 searches a new file's inode among all that were deleted within the last minutes
// (recently_deleted() in its ialloc.c): files made and removed would measure what else happened on the disk before.
#include "clock.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES 100
#define FILE_ITSELF "file"

static void must(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", what, strerror(errno));
        exit(1);
    }
}

static int give(const char *name)
{
    return link(FILE_ITSELF, name);
}

static int look(const char *name)
{
    struct stat about;

    return stat(name, &about);
}

static const struct {
    const char *name;
    int (*call)(const char *name);
} kinds[] = {{"link", give}, {"stat", look}, {"unlink", unlink}};

#define KINDS (sizeof kinds / sizeof *kinds)

int main(int argc, char **argv)
{
    double took[KINDS] = {0}, start = now(), before, after = start, seconds;
    char folder[] = "metadata.XXXXXX", name[16];
    long rounds = 0;

    if (argc != 3 || (seconds = atof(argv[2])) <= 0) {
        fprintf(stderr, "usage: metadata FOLDER SECONDS\n");
        return 2;
    }
    must(chdir(argv[1]), argv[1]);
    must(mkdtemp(folder) ? chdir(folder) : -1, folder);
    must(close(open(FILE_ITSELF, O_CREAT | O_WRONLY, 0600)), FILE_ITSELF);
    for (; after < start + seconds; rounds++)
        for (size_t kind = 0; kind < KINDS; kind++) {
            before = now();
            for (int number = 0; number < NAMES; number++) {
                snprintf(name, sizeof name, "%d", number);
                must(kinds[kind].call(name), kinds[kind].name);
            }
            after = now();
            took[kind] += after - before;
        }
    must(unlink(FILE_ITSELF), FILE_ITSELF);
    must(chdir(".."), "..");
    must(rmdir(folder), folder);
    for (size_t kind = 0; kind < KINDS; kind++)
        printf("%s\"%s\": %.1f", kind ? ", " : "{", kinds[kind].name, rounds * NAMES / took[kind]);
    puts("}");
    return 0;
}
