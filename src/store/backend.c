#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include "base/fd.h"
#include "base/log.h"
#include "os/erofs.h"
#include "store/temp.h"

/* What was found out is kept in cas/tree, where only root writes, while kernel and file system are the same. */
enum { CACHE_MAX = 512, BOOT_ID_MAX = 64 };

static const struct {
	const char *name;
	enum erofs_via via;
} backends[] = {
	[TREE_FILES] = { .name = "tree" },
	[TREE_EROFS_LOOP] = { "erofs (loop)", EROFS_LOOP },
	[TREE_EROFS_FILE] = { "erofs (file)", EROFS_FILES },
};

const char *tree_backend_name(enum tree_backend b)
{
	return backends[b].name;
}

/* Under what circumstances an answer holds. NULL: nobody can tell when they change. */
static char *circumstances(int tree_fd)
{
	AUTO(free) char *boot = NULL;
	struct utsname uts;
	struct stat st;

	if (file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", BOOT_ID_MAX, &boot, NULL) < 0 || uname(&uts) < 0 ||
	    fstat(tree_fd, &st) < 0)
		return NULL;
	return xasprintf("%.*s %s %llx:%llx ", (int)strcspn(boot, "\n"), boot, uts.release,
			 (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
}

static int recall(int tree_fd, const char *now, enum tree_backend *ret)
{
	AUTO(free) char *text = NULL;

	if (!now || file_read(tree_fd, BACKEND_FILE, CACHE_MAX, &text, NULL) < 0 || !str_starts(text, now))
		return -ENOENT;
	for (size_t i = 0; i < ARRAY_LEN(backends); i++)
		if (str_eq(text + strlen(now), backends[i].name)) {
			*ret = i;
			return 0;
		}
	return -ENOENT;
}

static int try(struct store *s, enum tree_backend backend)
{
	AUTO(err_clear) struct err err = {};
	struct temp_tree scratch;
	int r;

	r = temp_tree_make(s, &scratch, &err);
	if (r >= 0) {
		r = erofs_try(backends[backend].via, scratch.fd, &err);
		temp_tree_drop(s, &scratch);
	}
	if (r < 0) {
		AUTO(free) char *words = err_text(&err);

		log_debug("images are not kept as %s: %s", backends[backend].name, words);
	}
	return r;
}

/* The kernel mounts from no file of tmpfs, and by way of loop devices a pod would start slowly. */
static bool in_memory(int tree_fd)
{
	struct statfs fs;

	return fstatfs(tree_fd, &fs) == 0 && fs.f_type == TMPFS_MAGIC;
}

/* How a kernel says that it cannot do it at all. What else may fail, as descriptors and memory do, can be there soon. */
static bool is_for_good(int r) { return r >= 0 || r == -ENODEV || r == -ENOTBLK || r == -EINVAL; }

/* Returns whether it will be the same as long as the circumstances are. */
static bool find_out(struct store *s, int tree_fd, enum tree_backend *ret)
{
	int r;

	*ret = TREE_FILES;
	if (in_memory(tree_fd))
		return true;
	r = try(s, TREE_EROFS_FILE);
	if (r >= 0)
		*ret = TREE_EROFS_FILE;
	if (r != -ENOTBLK)
		return is_for_good(r);
	r = try(s, TREE_EROFS_LOOP);
	if (r >= 0)
		*ret = TREE_EROFS_LOOP;
	return is_for_good(r);
}

enum tree_backend store_backend(struct store *s)
{
	AUTO(free) char *now = NULL;
	enum tree_backend backend;
	int tree_fd;

	/* Only root renders. */
	if (geteuid() || store_tree_dir(s, &tree_fd, NULL) < 0)
		return TREE_FILES;
	now = circumstances(tree_fd);
	if (recall(tree_fd, now, &backend) >= 0)
		return backend;
	if (find_out(s, tree_fd, &backend) && now) {
		AUTO(free) char *text = xasprintf("%s%s", now, backends[backend].name);

		(void)file_write_atomic(tree_fd, BACKEND_FILE, text, strlen(text), 0600);
	}
	return backend;
}
