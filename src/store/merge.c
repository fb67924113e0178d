#include "store/merge.h"

#include <assert.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/path.h"
#include "spec/limits.h"

enum {
	CHUNK_BYTES = 256 << 10, PIECE_BYTES = 1 << 20,
	PATH_BYTES_MAX = 4095,		/* more than this the limit path-bytes cannot be */
};

/* Nodes and what belongs to them live as long as the whole and are never given back one by one. */
struct chunk {
	struct chunk *next;
	char data[];
};

/* A path whitelist, cleaned and sorted. */
struct list {
	char **paths;		/* NULL: all */
	size_t n;
};

struct merge {
	struct chunk *chunks;
	char *free;
	size_t left;
	int64_t bytes;			/* of all chunks */
	uint64_t lot;
	uint64_t steps;

	struct node *root;
	/* What this layer's archive has and the result does not: hard links may name it. */
	struct node *shadow;
	struct merge_layer layer;
	uint32_t number;		/* of the layer, from 1 */
	struct list whitelist, outer_whitelist;

	/* The directory of the last member, as the next one is likely to lie in it too. */
	struct node *last;
	char last_path[PATH_BYTES_MAX + 1];

	uint32_t inodes;
	int64_t content;
};

/* --- memory ------------------------------------------------------------------- */

static void *take(struct merge *m, size_t size)
{
	void *p;

	size = (size + 7) & ~(size_t)7;
	if (size > m->left) {
		size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;
		struct chunk *c = xmalloc(sizeof(*c) + room);

		c->next = m->chunks;
		m->chunks = c;
		m->free = c->data;
		m->left = room;
		m->bytes += (int64_t)room;
	}
	p = m->free;
	m->free += size;
	m->left -= size;
	return p;
}

static void *take_copy(struct merge *m, const void *data, size_t len)
{
	return len ? memcpy(take(m, len), data, len) : NULL;
}

static struct inode *inode_new(struct merge *m, mode_t mode)
{
	struct inode *i = take(m, sizeof(*i));

	*i = (struct inode){ .mode = mode, .archive = m->layer.archive };
	return i;
}

/* xorshift64: begun by the kernel's pool, which is all the secret that is needed. */
static uint32_t draw(struct merge *m)
{
	m->lot ^= m->lot << 13;
	m->lot ^= m->lot >> 7;
	m->lot ^= m->lot << 17;
	return (uint32_t)(m->lot >> 32);
}

static struct node *node_new(struct merge *m, struct node *parent, const char *name, size_t len)
{
	struct node *n = take(m, sizeof(*n) + len + 1);

	assert(len <= UINT8_MAX);
	*n = (struct node){ .parent = parent, .weight = draw(m), .len = (uint8_t)len };
	memcpy(n->name, name, len);
	n->name[len] = 0;
	return n;
}

static void make_implied(struct merge *m, struct node *n)
{
	n->inode = inode_new(m, S_IFDIR | 0755);
	n->layer = m->number;
	n->implied = true;
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Without the "/" in front, as members are called. */
static struct list list_make(char *const *paths)
{
	struct list l = {};

	if (!paths || !*paths)	/* an empty one is as none (appc) */
		return l;
	l.n = strv_len(paths);
	l.paths = xcalloc(l.n + 1, sizeof(*l.paths));
	for (size_t i = 0; i < l.n; i++) {
		AUTO(free) char *clean = path_clean(paths[i]);

		l.paths[i] = xstrdup(clean + strspn(clean, "/"));
	}
	qsort(l.paths, l.n, sizeof(*l.paths), compare_paths);
	return l;
}

static void list_clear(struct list *l)
{
	strv_free(l->paths);
	*l = (struct list){};
}

static bool list_allows(const struct list *l, const char *path)
{
	return !l->paths || bsearch(&path, l->paths, l->n, sizeof(*l->paths), compare_paths);
}

static struct node *root_new(struct merge *m)
{
	struct node *n = node_new(m, NULL, "", 0);

	make_implied(m, n);
	return n;
}

struct merge *merge_new(void)
{
	struct merge *m = xcalloc(1, sizeof(*m));

	random_bytes(&m->lot, sizeof(m->lot));
	m->lot |= 1;
	m->root = root_new(m);
	return m;
}

static void drop_layer(struct merge *m)
{
	list_clear(&m->whitelist);
	list_clear(&m->outer_whitelist);
	m->shadow = NULL;
	m->last = NULL;
}

void merge_free(struct merge *m)
{
	struct chunk *next;

	if (!m)
		return;
	drop_layer(m);
	for (struct chunk *c = m->chunks; c; c = next) {
		next = c->next;
		free(c);
	}
	free(m);
}

/* --- the siblings: a treap, so that no order of names makes it slow -------------- */

/* As strcmp() of name[0..len) and the node's. */
static int compare(const char *name, size_t len, const struct node *n)
{
	int c = memcmp(name, n->name, len < n->len ? len : n->len);

	return c ? c : (len > n->len) - (len < n->len);
}

static struct node *child_find(const struct node *dir, const char *name, size_t len)
{
	struct node *n = dir->children;
	int c;

	while (n && (c = compare(name, len, n)))
		n = c < 0 ? n->left : n->right;
	return n;
}

/* The child that is to be found or made. */
struct wanted {
	struct node *dir;
	const char *name;
	size_t len;
	struct node *found;
};

/* No node is below a lighter one, and weights are drawn by lot: nobody can choose names that make it deep. */
static struct node *insert(struct merge *m, struct node *t, struct wanted *w)
{
	struct node *top;
	int c;

	m->steps++;
	if (!t)
		return w->found = node_new(m, w->dir, w->name, w->len);
	c = compare(w->name, w->len, t);
	if (!c) {
		w->found = t;
		return t;
	}
	if (c < 0) {
		top = t->left = insert(m, t->left, w);
		if (top->weight > t->weight) {
			t->left = top->right;
			top->right = t;
			return top;
		}
	} else {
		top = t->right = insert(m, t->right, w);
		if (top->weight > t->weight) {
			t->right = top->left;
			top->left = t;
			return top;
		}
	}
	return t;
}

static struct node *child_get(struct merge *m, struct node *dir, const char *name, size_t len)
{
	struct wanted w = { .dir = dir, .name = name, .len = len };

	dir->children = insert(m, dir->children, &w);
	return w.found;
}

/* All of both, where every name of left comes before every one of right. */
static struct node *join(struct merge *m, struct node *left, struct node *right)
{
	m->steps++;
	if (!left || !right)
		return left ?: right;
	if (left->weight > right->weight) {
		left->right = join(m, left->right, right);
		return left;
	}
	right->left = join(m, left, right->left);
	return right;
}

static void child_remove(struct merge *m, struct node *dir, const struct node *n)
{
	struct node **at = &dir->children;

	while (*at != n) {
		m->steps++;
		at = compare(n->name, n->len, *at) < 0 ? &(*at)->left : &(*at)->right;
	}
	*at = join(m, n->left, n->right);
}

/* --- paths -------------------------------------------------------------------- */

static bool is_dir(const struct node *n)
{
	return n->inode && S_ISDIR(n->inode->mode);
}

static int below_no_directory(const struct node *n, struct err *err)
{
	if (S_ISLNK(n->inode->mode))
		return err_set(err, -ERR_BAD_INPUT, "it lies below a symlink");
	return err_set(err, -ERR_BAD_INPUT, "it lies below what is no directory");
}

/*
 * What path[0..len) names, NULL for nothing. *ret_blocker is what stands in the
 * way: something on it that is no directory.
 */
static struct node *lookup(struct node *root, const char *path, size_t len, struct node **ret_blocker)
{
	const char *end = path + len;
	struct node *n = root;

	*ret_blocker = NULL;
	while (n && path < end) {
		const char *slash = memchr(path, '/', (size_t)(end - path)) ?: end;

		if (!is_dir(n)) {
			*ret_blocker = n;
			return NULL;
		}
		n = child_find(n, path, (size_t)(slash - path));
		path = slash + 1;
	}
	return n;
}

static size_t parent_len(const char *path)
{
	const char *leaf = path_last(path);

	return leaf > path ? (size_t)(leaf - path) - 1 : 0;
}

/* The directory that path lies in; what is missing of it is made. */
static int parent_get(struct merge *m, struct node *root, const char *path, struct node **ret, struct err *err)
{
	size_t len = parent_len(path);
	const char *p = path, *end = path + len;
	struct node *n = root;

	if (root == m->root && m->last && !strncmp(path, m->last_path, len) && !m->last_path[len]) {
		*ret = m->last;
		return 0;
	}
	while (p < end) {
		const char *slash = memchr(p, '/', (size_t)(end - p)) ?: end;

		n = child_get(m, n, p, (size_t)(slash - p));
		if (!n->inode) {
			make_implied(m, n);
			n->hidden = m->number;
		}
		if (!is_dir(n))
			return below_no_directory(n, err);
		p = slash + 1;
	}
	if (root == m->root) {
		memcpy(m->last_path, path, len);
		m->last_path[len] = 0;
		m->last = n;
	}
	*ret = n;
	return 0;
}

/* --- whiteouts ---------------------------------------------------------------- */

static bool hide(struct merge *m, struct node *n);

/*
 * What stays of siblings. What goes leaves their tree: were it passed over from then on, a few bytes of
 * archive, one whiteout more, would cost as much as all that ever went.
 */
static struct node *hide_each(struct merge *m, struct node *t)
{
	struct node *left, *right;

	if (!t)
		return NULL;
	m->steps++;
	left = hide_each(m, t->left);
	right = hide_each(m, t->right);
	if (!hide(m, t))
		return join(m, left, right);
	t->left = left;
	t->right = right;
	return t;
}

/* Takes away what lower layers have below a directory. Does anything of this one stay there? */
static bool hide_children(struct merge *m, struct node *dir)
{
	/* Once is enough: what came since is of this layer. */
	if (dir->hidden != m->number)
		dir->children = hide_each(m, dir->children);
	dir->hidden = m->number;
	return dir->children;
}

/* The same with the node itself: does it stay? Else its siblings are to lose it. */
static bool hide(struct merge *m, struct node *n)
{
	bool stays = n->layer == m->number;

	if (is_dir(n) && hide_children(m, n) && !stays) {
		make_implied(m, n);	/* of it nothing is left but the way to what stays */
		stays = true;
	}
	return stays;
}

enum marker {
	MARKER_NONE,
	MARKER_WHITEOUT,
	MARKER_OPAQUE,
	MARKER_RESERVED,	/* ".wh..wh.…": what aufs kept for itself */
};

static int marker_of(const char *path, enum marker *ret, struct err *err)
{
	const char *next;

	*ret = MARKER_NONE;
	for (const char *p = path; p; p = next) {
		next = strchr(p, '/');
		if (next)
			next++;
		if (*p != '.' || !str_starts(p, ".wh."))
			continue;
		if (str_starts(p, ".wh..wh.")) {
			*ret = str_eq(p, ".wh..wh..opq") ? MARKER_OPAQUE : MARKER_RESERVED;
			return 0;
		}
		if (next)
			return err_set(err, -ERR_BAD_INPUT, "it lies below a whiteout");
		p += strlen(".wh.");
		if (!*p || str_eq(p, ".") || str_eq(p, ".."))
			return err_set(err, -ERR_BAD_INPUT, "the whiteout names no file");
		*ret = MARKER_WHITEOUT;
		return 0;
	}
	return 0;
}

static int apply_marker(struct merge *m, const char *path, enum marker marker, struct err *err)
{
	const char *name = path_last(path) + strlen(".wh.");
	struct node *dir, *blocker, *n;

	dir = lookup(m->root, path, parent_len(path), &blocker);
	if (dir && !is_dir(dir))
		blocker = dir;
	if (blocker)
		return below_no_directory(blocker, err);
	if (!dir)
		return 0;
	m->last = NULL;
	if (marker == MARKER_OPAQUE) {
		(void)hide_children(m, dir);
		return 0;
	}
	n = child_find(dir, name, strlen(name));
	if (n && !hide(m, n))
		child_remove(m, dir, n);
	return 0;
}

/* --- members ------------------------------------------------------------------ */

static void take_metadata(struct merge *m, struct inode *i, const struct member *from)
{
	i->mode = (i->mode & S_IFMT) | from->mode;
	i->uid = from->uid;
	i->gid = from->gid;
	i->mtime = from->mtime;
	i->n_xattrs = (uint32_t)from->n_xattrs;
	i->xattrs = take(m, from->n_xattrs * sizeof(*i->xattrs));
	for (size_t k = 0; k < from->n_xattrs; k++) {
		const struct member_xattr *x = &from->xattrs[k];

		i->xattrs[k] = (struct member_xattr){
			take_copy(m, x->name, strlen(x->name) + 1), take_copy(m, x->value, x->len), x->len,
		};
	}
}

static struct inode *inode_of(struct merge *m, const struct member *from)
{
	static const mode_t types[] = {
		[MEMBER_DIRECTORY] = S_IFDIR, [MEMBER_FILE] = S_IFREG, [MEMBER_SYMLINK] = S_IFLNK,
		[MEMBER_FIFO] = S_IFIFO,
	};
	struct inode *i = inode_new(m, types[from->kind]);

	take_metadata(m, i, from);
	if (from->kind == MEMBER_SYMLINK) {
		i->mode = S_IFLNK | 0777;	/* as Linux makes all of them, whatever the archive says */
		i->link = take_copy(m, from->link, strlen(from->link) + 1);
		i->size = (int64_t)strlen(from->link);
	} else if (from->kind == MEMBER_FILE) {
		i->size = from->size;
		i->tail_zero = from->tail_zero;
		i->n_extents = (uint32_t)from->n_extents;
		i->extents = take_copy(m, from->extents, from->n_extents * sizeof(*i->extents));
	}
	return i;
}

/* A node of another layer counts for hard links only where layers are one image. */
static int find_target(struct merge *m, const struct member *from, struct inode **ret, struct err *err)
{
	size_t len = strlen(from->link);
	struct node *blocker, *n = lookup(m->shadow, from->link, len, &blocker);

	if (!n || is_dir(n)) {
		n = lookup(m->root, from->link, len, &blocker);
		if (n && m->layer.format == TAR_ACI && n->layer != m->number)
			n = NULL;
	}
	if (!n)
		return err_set(err, -ERR_BAD_INPUT, "the target '%s' of the hard link is not there", from->link);
	if (is_dir(n) || (m->layer.format == TAR_ACI && !S_ISREG(n->inode->mode)))
		return err_set(err, -ERR_BAD_INPUT, "the target '%s' of the hard link is no regular file", from->link);
	*ret = n->inode;
	return 0;
}

/* Does something that counts more keep the member out? */
static bool left_out(const struct merge *m, const struct member *from)
{
	struct node *blocker, *n;

	if (!*from->path)
		return m->layer.below && !m->root->implied;
	if (from->kind != MEMBER_DIRECTORY && !list_allows(&m->whitelist, from->path))
		return true;
	if (!list_allows(&m->outer_whitelist, from->path))
		return true;
	if (!m->layer.below)
		return false;
	n = lookup(m->root, from->path, strlen(from->path), &blocker);
	if (blocker)
		return blocker->layer != m->number;
	return n && n->layer != m->number && !(n->implied && from->kind == MEMBER_DIRECTORY);
}

/* inode: of a hard link's target, NULL for all else. */
static int put(struct merge *m, struct node *root, const struct member *from, struct inode *inode, struct err *err)
{
	const char *leaf = path_last(from->path);
	struct node *dir, *n = root;
	int r;

	if (*from->path) {
		r = parent_get(m, root, from->path, &dir, err);
		if (r < 0)
			return r;
		n = child_get(m, dir, leaf, strlen(leaf));
	}
	if (is_dir(n) && from->kind == MEMBER_DIRECTORY) {
		take_metadata(m, n->inode, from);
	} else {
		if (is_dir(n))
			m->last = NULL;
		n->children = NULL;
		n->hidden = m->number;
		n->inode = inode ?: inode_of(m, from);
	}
	n->layer = m->number;
	n->implied = false;
	return 0;
}

/* What is passed over is no way for others either, and may be the target of a hard link. */
static int put_shadow(struct merge *m, const struct member *from, struct inode *inode, struct err *err)
{
	return from->kind == MEMBER_DIRECTORY ? 0 : put(m, m->shadow, from, inode, err);
}

static int add_member(void *arg, const struct member *from, struct err *err)
{
	struct merge *m = arg;
	struct inode *inode = NULL;
	struct node *blocker;
	enum marker marker = MARKER_NONE;
	int r = 0;

	if (m->bytes > limits()->tree_memory)
		return limit_refuse(err, &limits()->tree_memory, "the names and metadata of the image are larger than");
	if (m->layer.format == TAR_OCI)
		r = marker_of(from->path, &marker, err);
	if (r < 0)
		return r;
	if (marker == MARKER_WHITEOUT || marker == MARKER_OPAQUE)
		return apply_marker(m, from->path, marker, err);
	(void)lookup(m->shadow, from->path, strlen(from->path), &blocker);
	if (blocker)
		return below_no_directory(blocker, err);
	if (from->kind == MEMBER_HARDLINK)
		r = find_target(m, from, &inode, err);
	if (r < 0)
		return r;
	if (marker == MARKER_RESERVED || left_out(m, from))
		return put_shadow(m, from, inode, err);
	return put(m, m->root, from, inode, err);
}

struct tar_sink merge_begin(struct merge *m, const struct merge_layer *layer)
{
	drop_layer(m);
	m->layer = *layer;
	m->number++;
	m->shadow = root_new(m);
	m->whitelist = list_make(layer->whitelist);
	m->outer_whitelist = list_make(layer->outer_whitelist);
	return (struct tar_sink){ .end = add_member, .arg = m };
}

/* --- the result ----------------------------------------------------------------- */

/* Siblings as a list, which goes on with after: its first. */
static struct node *flatten(struct node *t, struct node *after)
{
	for (; t; t = t->left) {
		t->next = flatten(t->right, after);
		after = t;
	}
	return after;
}

/* The first of siblings, which are both from then on: the list that begins with it and the tree that it is on top of. */
static struct node *sorted(struct node *t)
{
	struct node *first = flatten(t, NULL), **at = &t;

	if (!first)
		return NULL;
	while (*at != first)
		at = &(*at)->left;
	*at = first->right;
	first->right = t;
	return first;
}

static void settle(struct merge *m, struct node *dir)
{
	struct inode *i = dir->inode;

	i->number = ++m->inodes;
	i->nlink = 2;
	dir->children = sorted(dir->children);
	for (struct node *n = dir->children; n; n = n->next) {
		if (is_dir(n)) {
			i->nlink++;
			settle(m, n);
		} else if (!n->inode->nlink++) {
			n->inode->number = ++m->inodes;
			m->content += S_ISREG(n->inode->mode) ? n->inode->size : 0;
		}
	}
}

void merge_finish(struct merge *m)
{
	assert(!m->inodes);
	drop_layer(m);
	settle(m, m->root);
}

struct node *merge_root(const struct merge *m)
{
	return m->root;
}

const struct node *merge_find(const struct merge *m, const char *path)
{
	struct node *blocker;

	return lookup(m->root, path, strlen(path), &blocker);
}

uint32_t merge_inodes(const struct merge *m)
{
	return m->inodes;
}

int64_t merge_content(const struct merge *m)
{
	return m->content;
}

uint64_t merge_steps(const struct merge *m)
{
	return m->steps;
}

/* --- telling it again ------------------------------------------------------------- */

struct replay {
	const struct merge_source *source;
	const struct tar_sink *sink;
	const struct node **first;	/* the first name of each inode, by its number */
	char *piece;
};

/* The node's path, written to end before end; where it begins. */
static char *path_before(const struct node *n, char *end)
{
	char *p = end;

	*--p = 0;
	for (; n->parent; n = n->parent) {
		if (*p)
			*--p = '/';
		p -= n->len;
		memcpy(p, n->name, n->len);
	}
	return p;
}

static int replay_bytes(struct replay *r, const struct inode *i, struct err *err)
{
	int k = 0;

	for (uint32_t e = 0; r->sink->data && k >= 0 && e < i->n_extents; e++) {
		struct extent x = i->extents[e];

		while (k >= 0 && x.len) {
			size_t len = x.len < PIECE_BYTES ? (size_t)x.len : PIECE_BYTES;

			k = r->source->read(r->source->arg, i->archive, x.offset, r->piece, len, err);
			if (k >= 0)
				k = r->sink->data(r->sink->arg, r->piece, len, x.at, err);
			x.at += (int64_t)len;
			x.offset += (int64_t)len;
			x.len -= (int64_t)len;
		}
	}
	return k;
}

static enum member_kind kind_of(const struct inode *i)
{
	switch (i->mode & S_IFMT) {
	case S_IFDIR: return MEMBER_DIRECTORY;
	case S_IFLNK: return MEMBER_SYMLINK;
	case S_IFIFO: return MEMBER_FIFO;
	default:      return MEMBER_FILE;
	}
}

static int replay_node(struct replay *r, const struct node *n, struct err *err)
{
	const struct inode *i = n->inode;
	char path[PATH_BYTES_MAX + 1], link[PATH_BYTES_MAX + 1];
	struct member m = {
		.kind = kind_of(i), .path = path_before(n, path + sizeof(path)), .link = i->link,
		.mode = i->mode & 07777, .uid = i->uid, .gid = i->gid, .mtime = i->mtime,
		.size = S_ISREG(i->mode) ? i->size : 0, .xattrs = i->xattrs, .n_xattrs = i->n_xattrs,
		.extents = i->extents, .n_extents = i->n_extents, .tail_zero = i->tail_zero,
	};
	int k = 0;

	if (r->first[i->number]) {
		m.kind = MEMBER_HARDLINK;
		m.link = path_before(r->first[i->number], link + sizeof(link));
		m.size = 0;
	} else {
		r->first[i->number] = n;
	}
	if (r->sink->begin)
		k = r->sink->begin(r->sink->arg, &m, err);
	if (k >= 0 && m.kind == MEMBER_FILE)
		k = replay_bytes(r, i, err);
	if (k >= 0 && r->sink->end)
		k = r->sink->end(r->sink->arg, &m, err);
	return k < 0 ? err_wrap(err, k, "file '/%s'", m.path) : 0;
}

int merge_replay(const struct merge *m, const struct merge_source *source, const struct tar_sink *sink,
		 struct err *err)
{
	AUTO(free) const struct node **first = xcalloc(m->inodes + 1, sizeof(*first));
	AUTO(free) char *piece = xmalloc(PIECE_BYTES);
	struct replay r = { .source = source, .sink = sink, .first = first, .piece = piece };
	const struct node *n = m->root;
	int k;

	while (n) {
		k = replay_node(&r, n, err);
		if (k < 0)
			return k;
		if (is_dir(n) && n->children) {
			n = n->children;
			continue;
		}
		while (n && !n->next)
			n = n->parent;
		n = n ? n->next : NULL;
	}
	return 0;
}
