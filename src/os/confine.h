#ifndef OS_CONFINE_H
#define OS_CONFINE_H
#include <stddef.h>
#include <sys/resource.h>

#include "base/err.h"
/*
 * How our own programs lock themselves in before they read the first foreign
 * byte. It holds for the calling thread and for those that it starts: call it
 * before there are others.
 */

/* What a program does. All may compute, have threads and memory, and use the descriptors they hold. */
enum confine_may {
	CONFINE_READ = 1 << 0,		/* open files to read */
	CONFINE_MAKE = 1 << 1,		/* open, make, change and remove files */
	CONFINE_IP = 1 << 2,		/* talk over IP */
	CONFINE_LOCAL = 1 << 3,		/* with CONFINE_IP: also to local services, which some ask for names of hosts */
};

/*
 * System calls: a list of those that are allowed. What none of our programs
 * does in any circumstances (executing, tracing, signals to others, mounting,
 * becoming another user, and changing files without CONFINE_MAKE) ends the
 * process, so that whoever took it over can't try out what works. A call that
 * is merely not on the list gives ENOSYS, as on a kernel without it: libraries
 * know how to go on. Sets no_new_privs.
 */
int confine_calls(unsigned may, struct err *err);

/* A directory with all below it, or a file. */
struct confine_place {
	const char *path;	/* what is not there, or not ours to open, is passed over; NULL: fd */
	int fd;
	bool write;		/* also to make, change and remove what is below */
};

/*
 * Landlock: files can be opened at these places only, and nothing can be
 * executed. Nobody outside can be signalled or reached by an abstract socket,
 * and no TCP port be served, where the kernel has that. A kernel without
 * Landlock changes nothing: *ret_version is 0 then. Sets no_new_privs.
 */
int confine_files(const struct confine_place *places, size_t n, int *ret_version, struct err *err);

/* Never more than so much; less stays less. */
void confine_limit(int what, rlim_t value);
#endif
