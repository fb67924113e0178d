#include "store/test_place.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"

int place_make(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));

	/* In memory where that is possible: every import syncs the whole file system. */
	p->path = name_random(access("/dev/shm", W_OK) == 0 ? "/dev/shm/rkt-store" : "/tmp/rkt-store");
	p->unpack_fd = open(RKT_UNPACK, O_PATH | O_CLOEXEC);
	*state = p;
	return p->unpack_fd < 0 ? -1 : store_open(p->path, STORE_WRITE, &p->store, NULL);
}

int place_drop(void **state)
{
	struct place *p = *state;

	store_close(p->store);
	close(p->unpack_fd);
	tree_remove(AT_FDCWD, p->path);
	free(p->path);
	free(p);
	return 0;
}

int place_count(const struct place *p, const char *path)
{
	AUTO(free) char *full = xasprintf("%s/%s", p->path, path);
	AUTO(closedir) DIR *dir = opendir(full);
	struct dirent *entry;
	int n = 0;

	if (!dir)
		return -1;
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	return n;
}
