// Metadata calls per second: empty files created, looked at and removed, over and over.
//
//     metadata FOLDER SECONDS
//
// Rounds of 100 files in a new folder. Each kind of call is timed by the round, so that reading the clock costs nothing.
#include "clock.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES 100

static void must(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", what, strerror(errno));
        exit(1);
    }
}

static int create(const char *name)
{
    int file = open(name, O_CREAT | O_EXCL | O_WRONLY, 0600);

    return file < 0 ? file : close(file);
}

static int look(const char *name)
{
    struct stat about;

    return stat(name, &about);
}

static const struct {
    const char *name;
    int (*call)(const char *name);
} kinds[] = {{"create", create}, {"stat", look}, {"unlink", unlink}};

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
    for (; after < start + seconds; rounds++)
        for (size_t kind = 0; kind < KINDS; kind++) {
            before = now();
            for (int file = 0; file < FILES; file++) {
                snprintf(name, sizeof name, "%d", file);
                must(kinds[kind].call(name), kinds[kind].name);
            }
            after = now();
            took[kind] += after - before;
        }
    must(chdir(".."), "..");
    must(rmdir(folder), folder);
    for (size_t kind = 0; kind < KINDS; kind++)
        printf("%s\"%s\": %.1f", kind ? ", " : "{", kinds[kind].name, rounds * FILES / took[kind]);
    puts("}");
    return 0;
}
