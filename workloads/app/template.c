/* Unit number @ of the library: prints its number and returns the next one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char name[] = "@";

int unit@(int count);

int unit@(int count)
{
    char line[64];
    snprintf(line, sizeof line, "unit %s of %d", name, count);
    return strlen(line) < sizeof line && puts(line) >= 0 ? atoi(name) + 1 : EXIT_FAILURE;
}
