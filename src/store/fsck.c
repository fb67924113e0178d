#include "store/fsck.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/log.h"
#include "store/facts.h"
#include "store/leftover.h"
#include "store/names.h"
#include "store/tree.h"
#include "store/vouch.h"

/*
 * The kinds:
 *
 *   unreadable  facts of an image that make no sense
 *   incomplete  an image that lacks something that cannot be made again here
 *   name        an image that its name does not lead to
 *   tree        a tree that is not whole, not the image's, or not there
 *   leftover    what nobody needs
 *   damaged     a blob with other bytes than its name says
 */

struct check {
	struct store *store;
	int exe_fd;
	const struct fsck *q;
	struct image_info *images;	/* that can be read and are still there */
	size_t n, room;
	struct used used;
};

static void check_clear(struct check *c)
{
	image_infos_free(c->images, c->n);
	used_clear(&c->used);
}
static inline void check_clear_auto(struct check *c) { check_clear(c); }

bool fsck_found(const struct fsck *q, struct problem *p, int (*mend)(void *arg, struct err *err), void *arg)
{
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *why = NULL;
	int r;

	p->outcome = PROBLEM_FOUND;
	p->why = NULL;
	if (q->repair) {
		r = mend ? mend(arg, &err) : -EOPNOTSUPP;
		p->outcome = r < 0 ? PROBLEM_LEFT : PROBLEM_MENDED;
		if (r < 0 && mend)
			p->why = why = err.chain ? err_text(&err) : xstrdup(err_name(r));
	}
	q->tell(q->tell_arg, p);
	p->why = NULL;
	return p->outcome == PROBLEM_MENDED;
}

/* --- facts ----------------------------------------------------------------------- */

/* Something is there and makes no sense, rather than that we may not look at it. */
static bool makes_no_sense(int r)
{
	return r == -ERR_BAD_INPUT || r == -E2BIG || r == -EINVAL || r == -ELOOP || r == -EISDIR;
}

struct facts_file {
	struct store *store;
	int dir_fd;
	const char *name;
};

static int remove_facts(void *arg, struct err *err)
{
	const struct facts_file *f = arg;
	int r = vouch_remove(f->store, f->name, err);

	return r < 0 ? r : tree_remove(f->dir_fd, f->name);
}

static void keep(struct check *c, struct image_info *info)
{
	if (c->n == c->room) {
		c->room = c->room ? 2 * c->room : 16;
		c->images = xreallocarray(c->images, c->room, sizeof(*c->images));
	}
	c->images[c->n++] = *info;
	*info = (struct image_info){};
}

static int look_at_facts(void *arg, int dir_fd, const char *name)
{
	struct check *c = arg;
	struct facts_file file = { c->store, dir_fd, name };
	AUTO(image_info_clear) struct image_info info = {};
	AUTO(err_clear) struct err why = {};
	AUTO(free) char *object = xasprintf("cas/image/%s", name), *words = NULL;
	struct problem p = { .kind = "unreadable", .object = object, .cure = "remove it, then fetch the image again" };
	int r;

	if (!store_key_valid(name))
		return 0;	/* left over */
	r = facts_load(c->store, name, &info, &why);
	if (r >= 0)
		keep(c, &info);
	if (r >= 0 || r == -ERR_NOT_FOUND)
		return 0;
	p.words = words = err_text(&why);
	if (!makes_no_sense(r))
		p.cure = "look at it as a user who may";
	if (!fsck_found(c->q, &p, makes_no_sense(r) ? remove_facts : NULL, &file))
		c->used.unknown = true;
	return 0;
}

/* --- images ------------------------------------------------------------------------ */

/* What the image lacks, in words that the caller frees; NULL: nothing. */
static char *lack_of_blobs(struct store *s, const struct image_info *info)
{
	AUTO(strv_free) char **blobs = image_blobs(info);
	int64_t size = 0;

	for (char **key = blobs; *key; key++) {
		AUTO(close) int fd = -1;
		struct stat st;
		int r = store_open_key(s, *key, &fd, NULL);

		if (r >= 0 && fstat(fd, &st) < 0)
			r = -errno;
		if (r == -ERR_NOT_FOUND)
			return xasprintf("its blob %s is missing", *key);
		if (makes_no_sense(r))
			return xasprintf("its blob %s is none", *key);
		if (r < 0)
			return NULL;	/* there, but not for us to look at */
		size += st.st_size;
	}
	if (size == info->size)
		return NULL;
	return xasprintf("it has %lld bytes on disk rather than %lld", (long long)size, (long long)info->size);
}

static char *lack_of_manifest(struct store *s, const struct image_info *info)
{
	AUTO(image_manifest_clear) struct image_manifest m = {};
	AUTO(free) char *key = store_key(info->id), *path = store_sharded("imageManifest", key), *text = NULL;
	AUTO(close) int fd = cas_open(s->cas_fd, path, O_RDONLY, 0);
	AUTO(err_clear) struct err why = {};
	size_t len = 0;
	int r;

	if (fd == -ENOENT)
		return xstrdup("its manifest is missing");
	r = fd < 0 ? fd : fd_read_file(fd, MANIFEST_MAX_BYTES, &text, &len);
	if (r >= 0)
		r = image_manifest_read(text, len, &m, &why);
	/* That of an OCI image is by the name that it was fetched by last. */
	if (r >= 0 && !info->format && !str_eq(m.name, info->name))
		return xasprintf("its manifest is of '%s'", m.name);
	if (r >= 0 || !makes_no_sense(r))
		return NULL;
	err_wrap(&why, r, "its manifest");
	return err_text(&why);
}

static char *lack(struct store *s, const struct image_info *info)
{
	AUTO(free) char *dir = NULL;
	char *words;

	if (names_path(info->name, &dir, NULL) < 0)
		return xasprintf("its name '%s' is none", info->name);
	words = lack_of_manifest(s, info);
	return words ?: lack_of_blobs(s, info);
}

struct one {
	struct check *check;
	struct image_info *info;
};

static int forget(void *arg, struct err *err)
{
	const struct one *o = arg;
	const struct fsck *q = o->check->q;

	/* What is left of it is left over then. */
	return store_forget(o->check->store, o->info, q->in_use, q->in_use_arg, NULL, err);
}

static int add_name(void *arg, struct err *err)
{
	const struct one *o = arg;
	AUTO(free) char *key = store_key(o->info->id);

	return names_add(o->check->store, o->info->name, key, err);
}

static bool has_name(struct store *s, const struct image_info *info)
{
	AUTO(free) char *key = store_key(info->id), *dir = NULL, *link = NULL;

	if (names_path(info->name, &dir, NULL) < 0)
		return false;
	link = xasprintf("%s/%s", dir, key);
	return cas_look(s->cas_fd, link) != -ENOENT;
}

/* --- trees --------------------------------------------------------------------------- */

static bool is_file(int dir_fd, const char *name, int64_t *ret_size)
{
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return false;
	*ret_size = st.st_size;
	return true;
}

/* Each archive that the index points into must be there, as long as its blob. */
static const char *lack_of_layers(struct store *s, int tree_fd)
{
	AUTO(tree_record_clear) struct tree_record record = {};

	if (tree_record_read(tree_fd, &record, NULL) < 0 || !record.index)
		return "its list of layers makes no sense";
	for (size_t i = 0; i < strv_len(record.layers); i++) {
		AUTO(free) char *name = xasprintf("%zu", i);
		AUTO(close) int fd = -1;
		int64_t size = 0;
		struct stat st;

		if (!is_file(tree_fd, name, &size))
			return "one of its layers is missing";
		if (store_open_key(s, record.layers[i], &fd, NULL) >= 0 && fstat(fd, &st) == 0 && st.st_size != size)
			return "one of its layers is not as long as the blob";
	}
	return NULL;
}

static const char *lack_of_files(struct store *s, int tree_fd)
{
	AUTO(close) int root_fd = -1;
	int64_t size = 0;

	if (!is_file(tree_fd, "manifest", &size))
		return "its manifest is missing";
	if (dir_open(tree_fd, "rootfs", &root_fd) < 0)
		return tree_is_index(tree_fd) ? "it has no place to mount its index on"
					      : "it has neither files nor an index of them";
	return tree_is_index(tree_fd) ? lack_of_layers(s, tree_fd) : NULL;
}

/* Each run looks at the seals of what it mounts: what lost them, as copied files do, would never run again. */
static char *lack_of_seals(int tree_fd)
{
	AUTO(tree_record_clear) struct tree_record record = {};
	AUTO(err_clear) struct err why = {};

	if (!tree_is_index(tree_fd) || tree_has_files(tree_fd) || tree_record_read(tree_fd, &record, NULL) < 0)
		return NULL;
	return tree_check_seals(tree_fd, &record, &why) < 0 ? err_text(&why) : NULL;
}

/* What is wrong with the tree that the image names; NULL: nothing. */
static char *lack_of_tree(struct store *s, const struct image_info *info)
{
	AUTO(err_clear) struct err why = {};
	AUTO(close) int fd = -1;
	const char *words;
	int r;

	r = store_open_image_tree(s, info, &fd, &why);
	if (r == -EACCES || r == -EPERM)
		return NULL;	/* told of once, for all */
	if (r < 0)
		return err_text(&why);
	words = lack_of_files(s, fd);
	return words ? xstrdup(words) : lack_of_seals(fd);
}

static bool is_there(struct store *s, const char *tree)
{
	AUTO(free) char *path = xasprintf("tree/%s", tree);

	return cas_look(s->cas_fd, path) != -ENOENT;
}

static int remove_tree(void *arg, struct err *err)
{
	const struct one *o = arg;
	const struct fsck *q = o->check->q;
	struct image_info *info = o->info;
	AUTO(close) int fd = -1;
	int r = store_open_image_tree(o->check->store, info, &fd, NULL);

	/* Another image's tree stays, whoever stands on it. */
	if (r != -ERR_BAD_INPUT && is_there(o->check->store, info->tree) && q->in_use && q->in_use(q->in_use_arg, info->tree))
		return err_set(err, -EBUSY, "a pod stands on it: remove the pod first");
	r = store_remove_tree(o->check->store, info->tree, info, err);
	if (r < 0)
		return r;
	free(TAKE(info->tree));
	info->tree_size = 0;
	return 0;
}

static void check_tree(struct check *c, struct image_info *info)
{
	struct one o = { c, info };
	AUTO(free) char *object = xasprintf("cas/tree/%s", info->tree), *words = lack_of_tree(c->store, info);
	struct problem p = { .kind = "tree", .object = object, .words = words,
			     .cure = "remove it (it is made again when needed)" };

	if (words)
		(void)fsck_found(c->q, &p, remove_tree, &o);
}

/* --- all of it ------------------------------------------------------------------------ */

static void check_name(struct check *c, struct image_info *info)
{
	struct one o = { c, info };
	AUTO(free) char *unnamed = xasprintf("its name '%s' does not lead to it", info->name);
	struct problem name = { .kind = "name", .object = info->id, .words = unnamed, .cure = "make it" };

	if (!has_name(c->store, info))
		(void)fsck_found(c->q, &name, add_name, &o);
}

/* Versions share a name: each is asked for once. */
static void check_names(struct check *c, const struct image_info *info)
{
	struct image_info *names = NULL;
	size_t n = 0;

	store_names(info, &names, &n);
	for (size_t i = 0; i < n; i++) {
		size_t before = 0;

		while (before < i && !str_eq(names[before].name, names[i].name))
			before++;
		if (before == i)
			check_name(c, &names[i]);
	}
	image_infos_free(names, n);
}

/* Is it still there afterwards? */
static bool check_image(struct check *c, struct image_info *info)
{
	struct one o = { c, info };
	AUTO(free) char *words = lack(c->store, info);
	struct problem incomplete = { .kind = "incomplete", .object = info->id, .words = words,
				      .cure = "remove the image, then fetch it again" };

	if (words && fsck_found(c->q, &incomplete, forget, &o))
		return false;
	check_names(c, info);
	if (info->tree)
		check_tree(c, info);
	return true;
}

static void check_images(struct check *c)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->n; i++) {
		if (check_image(c, &c->images[i])) {
			used_add(&c->used, &c->images[i]);
			c->images[kept++] = c->images[i];
		} else {
			image_info_clear(&c->images[i]);
		}
	}
	c->n = kept;
}

struct nobodys {
	struct store *store;
	const struct leftover *leftover;
};

static int remove_leftover(void *arg, struct err *err)
{
	const struct nobodys *n = arg;

	(void)err;
	return leftover_remove(n->store, n->leftover);
}

static int look_at_leftover(void *arg, const struct leftover *l)
{
	struct check *c = arg;
	struct nobodys n = { c->store, l };
	struct problem p = { .kind = "leftover", .object = l->path, .words = l->why, .cure = "remove it" };

	(void)fsck_found(c->q, &p, remove_leftover, &n);
	return 0;
}

static int check_leftovers(struct check *c, struct err *err)
{
	const struct leftover_search search = {
		.store = c->store, .used = &c->used, .in_use = c->q->in_use, .in_use_arg = c->q->in_use_arg,
		.found = look_at_leftover, .found_arg = c,
	};

	return leftover_find(&search, err);
}

/* Whoever could write there could have put trees of their own in the place of ours: none of them is used then. */
static void check_tree_dir(struct check *c)
{
	AUTO(err_clear) struct err why = {};
	AUTO(free) char *words = NULL;
	struct problem p = { .kind = "tree", .object = "cas/tree", .cure = "chown it to root and chmod it to 0700" };
	int fd, r = store_tree_dir(c->store, &fd, &why);

	if (r >= 0 || r == -ERR_NOT_FOUND)
		return;
	p.words = words = err_text(&why);
	if (r == -EACCES)
		p.cure = "look at it as root";
	(void)fsck_found(c->q, &p, NULL, NULL);
}

static int check_structure(struct check *c, bool alone, struct err *err)
{
	int r;

	r = store_each(c->store->cas_fd, "image", look_at_facts, c);
	if (r < 0)
		return err_sys(err, r, "cannot list the images in '%s'", c->store->path);
	check_tree_dir(c);
	check_images(c);
	return alone ? check_leftovers(c, err) : 0;
}

/* --- contents --------------------------------------------------------------------------- */

struct blob {
	struct check *check;
	const char *key;
	struct stat seen;	/* what was found to be damaged */
};

static bool consists_of(const struct image_info *info, const char *key)
{
	AUTO(strv_free) char **blobs = image_blobs(info);

	return strv_has(blobs, key);
}

/*
 * Those images, as they are now: others fetch while we read, and what was found before may have cost one of them.
 * The caller frees them with image_infos_free().
 */
static int images_of(struct store *s, const char *key, struct image_info **ret, size_t *ret_n, struct err *err)
{
	struct image_info *list = NULL;
	size_t n = 0, bad = 0, kept = 0;
	int r;

	r = store_list(s, &list, &n, &bad, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		if (consists_of(&list[i], key))
			list[kept++] = list[i];
		else
			image_info_clear(&list[i]);
	}
	*ret = list;
	*ret_n = kept;
	return 0;
}

static int names_of_images(struct store *s, const char *key, char **ret, struct err *err)
{
	AUTO(strv_free) char **names = NULL;
	struct image_info *list = NULL;
	size_t n = 0;
	int r = images_of(s, key, &list, &n, err);

	for (size_t i = 0; i < n; i++)
		strv_add(&names, list[i].name);
	image_infos_free(list, n);
	if (r >= 0)
		*ret = strv_join(names, ", ");
	return r;
}

/* Fetched again meanwhile? */
static bool is_another(const struct blob *b)
{
	AUTO(close) int fd = -1;
	struct stat st;

	return store_open_key(b->check->store, b->key, &fd, NULL) < 0 || fstat(fd, &st) < 0 ||
	       st.st_ino != b->seen.st_ino || st.st_ctim.tv_sec != b->seen.st_ctim.tv_sec ||
	       st.st_ctim.tv_nsec != b->seen.st_ctim.tv_nsec;
}

/* Under the exclusive lock. The blob goes last: killed before, it is found again. */
static int remove_images_of(struct check *c, const char *key, struct err *err)
{
	AUTO(free) char *path = store_sharded("blob", key);
	struct image_info *list = NULL;
	size_t n = 0;
	int r = images_of(c->store, key, &list, &n, err);

	for (size_t i = 0; i < n && r >= 0; i++) {
		r = forget(&(struct one){ c, &list[i] }, err);
		if (r == -ERR_NOT_FOUND)
			r = 0;	/* by somebody's hand meanwhile */
	}
	image_infos_free(list, n);
	if (r >= 0)
		r = cas_unlink(c->store->cas_fd, path, 0);
	return r == -ENOENT ? 0 : r;
}

static int remove_damaged(void *arg, struct err *err)
{
	const struct blob *b = arg;
	struct store *s = b->check->store;
	int r;

	r = store_lock_exclusive(s, err);
	if (r < 0)
		return r;
	if (!is_another(b))
		r = remove_images_of(b->check, b->key, err);
	/* What else those images consisted of. */
	if (r >= 0)
		r = store_sweep(s, b->check->q->in_use, b->check->q->in_use_arg, err);
	store_unlock_exclusive(s);
	return r;
}

static int check_blob(struct check *c, const char *key, struct err *err)
{
	struct blob b = { .check = c, .key = key };
	AUTO(free) char *path = store_sharded("blob", key), *object = xasprintf("cas/%s", path);
	AUTO(free) char *images = NULL, *words = NULL;
	AUTO(close) int fd = -1;
	struct problem p = { .kind = "damaged", .object = object,
			     .cure = "remove the images that consist of it, then fetch them again" };
	int r;

	r = store_open_key(c->store, key, &fd, NULL);
	if (r < 0 || fstat(fd, &b.seen) < 0)
		return 0;	/* told already, or gone with its image meanwhile */
	r = store_check_key(c->store, c->exe_fd, key, err);
	if (r != -ERR_BAD_INPUT)
		return r;
	err_clear(err);
	r = names_of_images(c->store, key, &images, err);
	if (r < 0)
		return r;
	p.words = words = xasprintf("its bytes are not what its name says (%s)", images);
	(void)fsck_found(c->q, &p, remove_damaged, &b);
	return 0;
}

static int check_contents(struct check *c, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < c->used.blobs.n && r >= 0; i++) {
		const char *key = c->used.blobs.list[i];

		/* Sorted once it was asked: the same ones lie together. */
		if (i && str_eq(key, c->used.blobs.list[i - 1]))
			continue;
		log_debug("reading the blob %s", key);
		r = check_blob(c, key, err);
	}
	return r;
}

int store_fsck(struct store *s, int unpack_exe_fd, const struct fsck *q, bool *ret_partly, struct err *err)
{
	AUTO(check_clear) struct check c = { .store = s, .exe_fd = unpack_exe_fd, .q = q };
	bool alone;
	int r;

	*ret_partly = false;
	if (s->cas_fd < 0)
		return 0;
	r = q->repair ? store_lock_exclusive(s, err) : store_try_exclusive(s, err);
	alone = r >= 0;
	if (r == -EWOULDBLOCK)
		r = store_use(s, err);
	if (r < 0)
		return r;
	*ret_partly = !alone;
	r = check_structure(&c, alone, err);
	/* Reading everything takes long, and needs only that nothing is removed. */
	if (r >= 0 && q->contents)
		r = store_use(s, err);
	if (alone)
		store_unlock_exclusive(s);
	if (r >= 0 && q->contents) {
		(void)strset_has(&c.used.blobs, "");
		r = check_contents(&c, err);
	}
	return r;
}
