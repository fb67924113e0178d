#ifndef BASE_BANNED_H
#define BASE_BANNED_H
/*
 * Functions that this code does without. The build includes this file first
 * everywhere (-include), so that a use does not compile.
 *
 * The headers below come first because some of them name what is poisoned.
 */
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#undef basename
#undef strcpy
#undef strcat
#undef sprintf
#undef vsprintf
#undef strtok
#pragma GCC poison strcpy strcat sprintf vsprintf strtok gets tmpnam mktemp
#pragma GCC poison atoi atol system popen dup basename
#endif
