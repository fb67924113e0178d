#include "store/names.h"

#include <fcntl.h>
#include <string.h>

#include "base/crash.h"
#include "base/fd.h"
#include "spec/types.h"

enum { NAME_LIMIT = 255 };	/* what a file name may have */

int names_path(const char *name, char **ret, struct err *err)
{
	char *path;
	int r;

	r = ac_identifier_check(name, err);
	if (r < 0)
		return r;
	if (strlen(name) > NAME_LIMIT)
		return err_set(err, -ERR_BAD_INPUT, "the image name '%.40s…' is longer than %d bytes", name,
			       NAME_LIMIT);
	path = xasprintf("name/%s", name);
	for (char *p = path + strlen("name/"); *p; p++)
		if (*p == '/')
			*p = ',';
	*ret = path;
	return 0;
}

int names_add(struct store *s, const char *name, const char *key, struct err *err)
{
	AUTO(free) char *dir = NULL, *link = NULL, *target = xasprintf("../../image/%s", key);
	int r;

	r = names_path(name, &dir, err);
	if (r < 0)
		return r;
	link = xasprintf("%s/%s", dir, key);
	r = cas_make_dir(s->cas_fd, dir, STORE_DIR_MODE);
	if (r >= 0)
		r = cas_sync_dir(s->cas_fd, "name");
	crash_at("name-link");
	if (r >= 0 || r == -EEXIST)
		r = cas_symlink(s->cas_fd, target, link);
	if (r >= 0 || r == -EEXIST)
		r = cas_sync_dir(s->cas_fd, dir);
	return r < 0 ? err_sys(err, r, "cannot write '%s/cas/%s'", s->path, link) : 0;
}

int names_remove(struct store *s, const char *name, const char *key)
{
	AUTO(free) char *dir = NULL, *link = NULL;
	int r;

	if (names_path(name, &dir, NULL) < 0)
		return 0;
	link = xasprintf("%s/%s", dir, key);
	r = cas_unlink(s->cas_fd, link, 0);
	if (r < 0 && r != -ENOENT)
		return r;
	r = cas_unlink(s->cas_fd, dir, AT_REMOVEDIR);
	return r == -ENOENT || r == -ENOTEMPTY ? 0 : r;
}
