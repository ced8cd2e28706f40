// Metadata calls per second: files made, and names given to a file, looked up and taken away, over and over.
//
//     metadata FOLDER SECONDS
//
// Rounds of 100 names in a new folder. Each kind of call is timed by the round, so that reading the clock costs nothing.
// The files that are made stay, at most 2000 of them, and the other calls are about hard links: ext4 searches a new file's
// inode among all that were deleted within the last minutes (recently_deleted() in its ialloc.c), and files made and
// removed in turn would measure what happened on the disk before.
#include "clock.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES 100
#define ROUNDS 20 // of files made, and at most a quarter of the time
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

static int make(const char *name)
{
    int file = open(name, O_CREAT | O_EXCL | O_WRONLY, 0600);

    return file < 0 ? file : close(file);
}

static int look(const char *name)
{
    struct stat about;

    return stat(name, &about);
}

typedef int call(const char *name);
static const struct {
    const char *name;
    call *call;
} kinds[] = {{"link", give}, {"stat", look}, {"unlink", unlink}};

#define KINDS (sizeof kinds / sizeof *kinds)

// Return the seconds that one call for each name of a round takes.
static double round_of(call *each, const char *what, const char *prefix)
{
    double before = now();
    char name[32];

    for (int number = 0; number < NAMES; number++) {
        snprintf(name, sizeof name, "%s%d", prefix, number);
        must(each(name), what);
    }
    return now() - before;
}

int main(int argc, char **argv)
{
    double took[KINDS] = {0}, making = 0, start = now(), seconds;
    char folder[] = "metadata.XXXXXX", prefix[16];
    long rounds = 0;
    int made = 0;

    if (argc != 3 || (seconds = atof(argv[2])) <= 0) {
        fprintf(stderr, "usage: metadata FOLDER SECONDS\n");
        return 2;
    }
    must(chdir(argv[1]), argv[1]);
    must(mkdtemp(folder) ? chdir(folder) : -1, folder);
    must(close(open(FILE_ITSELF, O_CREAT | O_WRONLY, 0600)), FILE_ITSELF);
    for (; made < ROUNDS && making < seconds / 4; made++) {
        snprintf(prefix, sizeof prefix, "%d.", made);
        making += round_of(make, "create", prefix);
    }
    for (; rounds == 0 || now() < start + seconds; rounds++)
        for (size_t kind = 0; kind < KINDS; kind++)
            took[kind] += round_of(kinds[kind].call, kinds[kind].name, "");
    printf("{\"create\": %.1f", made * NAMES / making);
    for (size_t kind = 0; kind < KINDS; kind++)
        printf(", \"%s\": %.1f", kinds[kind].name, rounds * NAMES / took[kind]);
    puts("}");
    return 0;
}
