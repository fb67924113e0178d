#include <ctype.h>
#include <string.h>
#include <sys/resource.h>

#include "base/fd.h"
#include "base/log.h"
#include "pod/contract.h"
#include "pod/pod_files.h"
#include "pod/pods.h"
#include "pod/uuid.h"

/* Calls found for each UUID in one directory until it returns other than 0. Names that are none are told once. */
static int walk_dir(struct pods *pods, enum pods_dir dir, int (*found)(void *arg, enum pods_dir dir, const char *uuid),
		    void *arg)
{
	AUTO(closedir) DIR *entries = NULL;
	struct dirent *entry;
	int fd = -1, r = 0;

	r = pods->fd < 0 ? -ENOENT : dir_open(pods->fd, pod_dirs[dir].name, &fd);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	entries = fdopendir(fd);
	if (!entries) {
		close(fd);
		return -ENOMEM;
	}
	for (;;) {
		errno = 0;
		entry = readdir(entries);
		if (!entry)
			return -errno;
		if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
			continue;
		if (!uuid_is(entry->d_name)) {
			log_warn("unrecognized entry: \"%s\", ignoring", entry->d_name);
			continue;
		}
		r = found(arg, dir, entry->d_name);
		if (r)
			return r;
	}
}

struct search {
	const char *prefix;
	char **matches;
};

static int match(void *arg, enum pods_dir dir, const char *uuid)
{
	struct search *s = arg;

	/* Seen twice is a pod that moved between two directories meanwhile. */
	if (str_starts(uuid, s->prefix) && !strv_has(s->matches, uuid))
		strv_add(&s->matches, uuid);
	return 0;
}

static int find_prefix(struct pods *pods, const char *prefix, char *ret_uuid, struct err *err)
{
	AUTO(strv_free) char **matches = NULL;
	struct search s = { .prefix = prefix };
	int r = 0;

	for (enum pods_dir i = DIR_PREPARE; i < DIR_GARBAGE && r >= 0; i++)
		r = walk_dir(pods, i, match, &s);
	matches = s.matches;
	if (r < 0)
		return err_sys(err, r, "cannot list pods");
	if (!strv_len(matches))
		return err_set(err, -ERR_NOT_FOUND, "no matches found for \"%s\"", prefix);
	if (strv_len(matches) > 1)
		return err_set(err, -ERR_AMBIGUOUS, "ambiguous uuid, %zu matches", strv_len(matches));
	memcpy(ret_uuid, matches[0], UUID_LEN + 1);
	return 0;
}

int pod_find(struct pods *pods, const char *uuid_prefix, struct pod *ret, struct err *err)
{
	AUTO(free) char *prefix = xstrdup(uuid_prefix);
	char uuid[UUID_LEN + 1];
	int r;

	if (!*prefix)
		return err_set(err, -ERR_BAD_INPUT, "UUID cannot be empty");
	for (char *p = prefix; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	if (uuid_is(prefix)) {
		memcpy(uuid, prefix, sizeof(uuid));
	} else {
		r = find_prefix(pods, prefix, uuid, err);
		if (r < 0)
			return r;
	}
	r = pods_open_pod(pods, uuid, ret);
	if (r == -ENOENT)
		return err_set(err, -ERR_NOT_FOUND, "no matches found for \"%s\"", prefix);
	if (r < 0)
		return err_sys(err, r, "unable to get pod \"%s\"", uuid);
	return 0;
}

struct listing {
	struct pods *pods;
	struct pod *list;
	size_t n, room;
	unsigned mask;
};

/* One fd per pod: as many as the hard limit allows. */
static bool raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
		return false;
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

static int list_one(void *arg, enum pods_dir dir, const char *uuid)
{
	struct listing *l = arg;
	struct pod pod = POD_NONE;
	int r;

	r = pods_open_in(l->pods, dir, uuid, &pod);
	if (r == -EMFILE && raise_fd_limit())
		r = pods_open_in(l->pods, dir, uuid, &pod);
	if (r == -EMFILE)
		return r;
	if (r < 0) {
		if (r != -ENOENT)
			log_info("skipping \"%s\": %s", uuid, err_name(r));
		return 0;
	}
	if (!(l->mask & POD_MASK(pod.state))) {
		pod_close(&pod);
		return 0;
	}
	if (l->n == l->room) {
		l->room = l->room ? 2 * l->room : 64;
		l->list = xreallocarray(l->list, l->room, sizeof(*l->list));
	}
	l->list[l->n++] = pod;
	return 0;
}

static int by_uuid(const void *a, const void *b)
{
	const struct pod *x = a, *y = b;
	int order = strcmp(x->uuid, y->uuid);

	return order ? order : (int)pods_dir_of(x->state) - (int)pods_dir_of(y->state);
}

/* A pod that moved while we looked was seen twice: where it went counts. */
static void drop_doubles(struct listing *l)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (i + 1 < l->n && str_eq(l->list[i].uuid, l->list[i + 1].uuid))
			pod_close(&l->list[i]);
		else
			l->list[kept++] = l->list[i];
	}
	l->n = kept;
}

int pods_list(struct pods *pods, unsigned mask, struct pod **ret, size_t *ret_n, struct err *err)
{
	struct listing l = { .pods = pods, .mask = mask };
	int r = 0;

	for (enum pods_dir i = 0; i < PODS_DIRS && r >= 0; i++)
		if (mask & (POD_MASK(pod_dirs[i].free) | POD_MASK(pod_dirs[i].held)))
			r = walk_dir(pods, i, list_one, &l);
	if (r < 0) {
		pods_list_free(l.list, l.n);
		return err_sys(err, r, "failed to get pod handles");
	}
	if (l.n)
		qsort(l.list, l.n, sizeof(*l.list), by_uuid);
	drop_doubles(&l);
	*ret = l.list;
	*ret_n = l.n;
	return 0;
}

void pods_list_free(struct pod *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		pod_close(&list[i]);
	free(list);
}

/* --- trees in use ------------------------------------------------------- */

struct use {
	struct pods *pods;
	struct strset *trees;
};

static int add_tree(const struct pod *pod, const char *app, struct strset *trees)
{
	char *id = NULL;
	int r = pod_read_tree_id(pod, app, &id);

	if (r >= 0)
		strset_take(trees, id);
	return r == -ENOENT ? 0 : r;
}

static int add_trees_of_apps(const struct pod *pod, struct strset *trees)
{
	AUTO(closedir) DIR *apps = NULL;
	struct dirent *entry;
	int fd = -1, r;

	r = dir_open(pod->fd, POD_APPSINFO, &fd);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	apps = fdopendir(fd);
	if (!apps) {
		close(fd);
		return -ENOMEM;
	}
	while ((errno = 0, entry = readdir(apps))) {
		r = entry->d_name[0] == '.' ? 0 : add_tree(pod, entry->d_name, trees);
		if (r < 0)
			return r;
	}
	return -errno;
}

int pod_trees(const struct pod *pod, struct strset *ret)
{
	int r = add_tree(pod, NULL, ret);

	return r < 0 ? r : add_trees_of_apps(pod, ret);
}

static int add_trees(void *arg, enum pods_dir dir, const char *uuid)
{
	const struct use *use = arg;
	AUTO(free) char *path = xasprintf("%s/%s", pod_dirs[dir].name, uuid);
	AUTO(pod_close) struct pod pod = POD_NONE;
	int r;

	r = dir_open(use->pods->fd, path, &pod.fd);
	if (r < 0)
		return r == -ENOENT || r == -ENOTDIR ? 0 : r;
	return pod_trees(&pod, use->trees);
}

int pods_trees(struct pods *pods, struct strset *ret)
{
	struct use use = { .pods = pods, .trees = ret };
	int r = 0;

	for (enum pods_dir i = 0; i < DIR_GARBAGE && r >= 0; i++)
		r = walk_dir(pods, i, add_trees, &use);
	return r;
}

bool pods_use_tree(struct pods *pods, const char *tree)
{
	AUTO(strset_clear) struct strset trees = {};

	return pods_trees(pods, &trees) < 0 || strset_has(&trees, tree);
}
