#include "store/temp.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/crash.h"
#include "base/fd.h"

static int open_named(struct store *s, struct temp_file *t)
{
	t->name = name_random("tmp/file");
	t->fd = cas_open(s->cas_fd, t->name, O_RDWR | O_CREAT | O_EXCL, 0600);
	return t->fd < 0 ? t->fd : 0;
}

int temp_file_open(struct store *s, struct temp_file *ret, struct err *err)
{
	struct temp_file t = { .fd = cas_open(s->cas_fd, "tmp", O_RDWR | O_TMPFILE, 0600) };
	int r = t.fd < 0 ? t.fd : 0;

	if (r == -EOPNOTSUPP || r == -EISDIR || r == -ENOENT)
		r = open_named(s, &t);
	if (r >= 0 && (flock(t.fd, LOCK_EX | LOCK_NB) < 0 || fchmod(t.fd, STORE_FILE_MODE) < 0))
		r = -errno;
	if (r < 0) {
		temp_file_drop(s, &t);
		return err_sys(err, r, "cannot make a file in '%s/cas/tmp'", s->path);
	}
	*ret = t;
	return 0;
}

static int give_name(struct store *s, struct temp_file *t)
{
	AUTO(free) char *name = name_random("file");
	AUTO(close) int tmp_fd = cas_open(s->cas_fd, "tmp", O_PATH | O_DIRECTORY, 0);
	int r = tmp_fd < 0 ? tmp_fd : fd_link(t->fd, tmp_fd, name);

	if (r >= 0)
		t->name = xasprintf("tmp/%s", name);
	return r;
}

int temp_file_publish(struct store *s, struct temp_file *t, const char *path, struct err *err)
{
	int r = 0;

	if (!t->name)
		r = give_name(s, t);
	crash_at("cas-rename");
	if (r >= 0)
		r = cas_rename(s->cas_fd, t->name, path);
	if (r < 0)
		return err_sys(err, r, "cannot write '%s/cas/%s'", s->path, path);
	free(TAKE(t->name));
	return 0;
}

/*
 * What is there already is replaced: it has the same bytes, unless it rotted,
 * and then fetching it anew is the cure.
 */
int temp_file_keep(struct store *s, struct temp_file *t, const char *kind, const char *key, struct err *err)
{
	AUTO(free) char *path = store_sharded(kind, key), *dir = store_shard(kind, key);
	int r;

	r = store_make_shard(s, kind, key, err);
	if (r >= 0)
		r = temp_file_publish(s, t, path, err);
	if (r < 0)
		return r;
	r = cas_sync_dir(s->cas_fd, dir);
	return r < 0 ? err_sys(err, r, "cannot sync '%s/cas/%s'", s->path, dir) : 0;
}

void temp_file_drop(struct store *s, struct temp_file *t)
{
	if (t->name)
		(void)cas_unlink(s->cas_fd, t->name, 0);
	free(TAKE(t->name));
	close_auto(&t->fd);
	t->fd = -1;
}

int temp_tree_make(struct store *s, struct temp_tree *ret, struct err *err)
{
	struct temp_tree t = { .fd = -1 };
	int tree_fd, r;

	r = store_tree_dir(s, &tree_fd, err);
	if (r < 0)
		return r;
	t.name = name_random("work");
	r = dir_make(tree_fd, t.name, 0755);
	if (r >= 0)
		r = dir_open(tree_fd, t.name, &t.fd);
	/* The store's directories hand their group down; in a tree the image decides. */
	if (r >= 0 && (fchown(t.fd, geteuid(), getegid()) < 0 || flock(t.fd, LOCK_EX | LOCK_NB) < 0))
		r = -errno;
	if (r < 0) {
		temp_tree_drop(s, &t);
		return err_sys(err, r, "cannot make a directory in '%s/cas/tree'", s->path);
	}
	*ret = t;
	return 0;
}

int temp_tree_mark(struct temp_tree *t, const char *key, struct err *err)
{
	int r;

	r = file_write(t->fd, "image", key, strlen(key), 0644);
	if (r >= 0)
		r = file_write(t->fd, "rendered", "", 0, 0644);
	return r < 0 ? err_sys(err, r, "cannot finish the tree of the image '%s'", key) : 0;
}

/*
 * A pod that stands on the old one, or is about to, knows it by the name that it had. So it stays, called after that
 * one, until a sweep finds no such pod. It has that name already should we die in between.
 */
static int exchange_whole(int tree_fd, struct temp_tree *t, const char *tree)
{
	AUTO(free) char *random = name_random("old");
	AUTO(free) char *old = xasprintf("%s.%s", random, tree);

	if (renameat2(tree_fd, t->name, tree_fd, old, RENAME_NOREPLACE) < 0)
		return -errno;
	free(t->name);
	t->name = TAKE(old);
	crash_at("tree-exchange");
	if (renameat2(tree_fd, t->name, tree_fd, tree, RENAME_EXCHANGE) < 0)
		return -errno;
	free(TAKE(t->name));
	return 0;
}

/* Puts our tree in place, or leaves it its temporary name, which then is also that of what is to be removed. */
static int exchange_tree(int tree_fd, struct temp_tree *t, const char *tree, enum temp_replace replace)
{
	AUTO(free) char *mark = xasprintf("%s/rendered", tree);

	if (renameat2(tree_fd, t->name, tree_fd, tree, RENAME_NOREPLACE) == 0) {
		free(TAKE(t->name));
		return 0;
	}
	if (errno != EEXIST)
		return -errno;
	/* One without the mark is no tree, whoever put it there. */
	if (faccessat(tree_fd, mark, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return replace == TEMP_KEEP_OLD ? 0 : exchange_whole(tree_fd, t, tree);
	return renameat2(tree_fd, t->name, tree_fd, tree, RENAME_EXCHANGE) < 0 ? -errno : 0;
}

int temp_tree_publish(struct store *s, struct temp_tree *t, const char *tree, enum temp_replace replace,
		      struct err *err)
{
	int tree_fd, r;

	r = store_tree_dir(s, &tree_fd, err);
	if (r < 0)
		return r;
	crash_at("tree-rename");
	r = exchange_tree(tree_fd, t, tree, replace);
	if (r >= 0)
		r = dir_sync(tree_fd, ".");
	if (r < 0)
		return err_sys(err, r, "cannot put the tree '%s' in place", tree);
	temp_tree_drop(s, t);
	return 0;
}

int temp_tree_move(struct store *s, struct temp_tree *t, int dir_fd, const char *name, struct err *err)
{
	int tree_fd, r;

	r = store_tree_dir(s, &tree_fd, err);
	if (r < 0)
		return r;
	crash_at("files-rename");
	if (renameat2(tree_fd, t->name, dir_fd, name, RENAME_NOREPLACE) == 0)
		free(TAKE(t->name));
	else if (errno != EEXIST)
		return err_sys(err, -errno, "cannot put the files of a tree in place");
	temp_tree_drop(s, t);
	r = dir_sync(dir_fd, ".");
	return r < 0 ? err_sys(err, r, "cannot put the files of a tree in place") : 0;
}

void temp_tree_drop(struct store *s, struct temp_tree *t)
{
	int tree_fd;

	if (t->name && store_tree_dir(s, &tree_fd, NULL) >= 0)
		(void)tree_remove(tree_fd, t->name);
	free(TAKE(t->name));
	close_auto(&t->fd);
	t->fd = -1;
}

bool temp_abandoned(int dir_fd, const char *name)
{
	AUTO(close) int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	/* What cannot be opened is nobody's work: ours can. */
	return fd < 0 ? errno != EACCES : flock(fd, LOCK_EX | LOCK_NB) == 0;
}
