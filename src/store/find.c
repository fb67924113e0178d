#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/log.h"
#include "spec/reference.h"
#include "store/facts.h"
#include "store/names.h"

enum { PREFIX_MIN = 7 + 2, SHA256_DIGEST_LEN = 7 + 64 };

struct list {
	struct store *store;
	struct image_info *items;
	size_t n, room;
	bool names;		/* an image once for each of its names */
	char **bad;		/* why some could not be read */
};

static void list_clear(struct list *l)
{
	image_infos_free(l->items, l->n);
	strv_free(l->bad);
}
static void list_clear_auto(struct list *l) { list_clear(l); }

static void list_put(struct list *l, const struct image_info *info)
{
	if (l->n == l->room) {
		l->room = l->room ? 2 * l->room : 16;
		l->items = xreallocarray(l->items, l->room, sizeof(*l->items));
	}
	l->items[l->n++] = *info;
}

static void list_put_names(struct list *l, struct image_info *info)
{
	struct image_info *names = NULL;
	size_t n = 0;

	store_names(info, &names, &n);
	for (size_t i = 0; i < n; i++)
		list_put(l, &names[i]);
	free(names);
	image_info_clear(info);
}

/* What cannot be read is counted; what vanished meanwhile was never there. */
static void list_add(struct list *l, const char *key)
{
	AUTO(err_clear) struct err why = {};
	struct image_info info;
	int r;

	r = facts_load(l->store, key, &info, &why);
	if (r < 0 && r != -ERR_NOT_FOUND) {
		char *words = err_text(&why);

		log_debug("%s", words);
		strv_take(&l->bad, words);
	}
	if (r < 0)
		return;
	if (l->names && info.n_others)
		list_put_names(l, &info);
	else
		list_put(l, &info);
}

static int list_each(void *arg, int dir_fd, const char *name)
{
	(void)dir_fd;
	if (store_key_valid(name))
		list_add(arg, name);
	return 0;
}

static int list_images(struct store *s, bool names, struct image_info **ret, size_t *ret_n, char ***ret_bad,
		       struct err *err)
{
	struct list list = { .store = s, .names = names };
	int r = 0;

	if (s->cas_fd >= 0)
		r = store_each(s->cas_fd, "image", list_each, &list);
	if (r < 0) {
		list_clear(&list);
		return err_sys(err, r, "cannot list the images in '%s'", s->path);
	}
	*ret = list.items;
	*ret_n = list.n;
	*ret_bad = list.bad;
	return 0;
}

int store_list_all(struct store *s, struct image_info **ret, size_t *ret_n, char ***ret_bad, struct err *err)
{
	return list_images(s, true, ret, ret_n, ret_bad, err);
}

int store_list(struct store *s, struct image_info **ret, size_t *ret_n, size_t *ret_bad, struct err *err)
{
	AUTO(strv_free) char **bad = NULL;
	int r = list_images(s, false, ret, ret_n, &bad, err);

	if (r >= 0 && ret_bad)
		*ret_bad = strv_len(bad);
	return r;
}

/* "sha512-" or "sha256-", or as OCI writes a digest. */
bool store_is_hash(const char *text)
{
	return (str_starts(text, "sha512") || str_starts(text, "sha256")) && (text[6] == '-' || text[6] == ':');
}

static int prefix_check(const char *prefix, struct err *err)
{
	if (!store_is_hash(prefix))
		return err_set(err, -ERR_BAD_INPUT, "wrong key prefix");
	if (strlen(prefix) < PREFIX_MIN)
		return err_set(err, -ERR_BAD_INPUT, "image ID too short");
	return 0;
}

struct prefix_search {
	const char *prefix;
	char *key;
	size_t found;
};

static int prefix_each(void *arg, int dir_fd, const char *name)
{
	struct prefix_search *search = arg;

	(void)dir_fd;
	if (!store_key_valid(name) || !str_starts(name, search->prefix))
		return 0;
	if (!search->found++)
		search->key = xstrdup(name);
	return 0;
}

static int find_key(struct store *s, const char *prefix, char **ret, struct err *err)
{
	struct prefix_search search = { .prefix = prefix };
	int r = 0;

	if (s->cas_fd >= 0)
		r = store_each(s->cas_fd, "image", prefix_each, &search);
	if (r >= 0 && search.found == 1) {
		*ret = search.key;
		return 0;
	}
	free(search.key);
	if (r < 0)
		return err_sys(err, r, "cannot list the images in '%s'", s->path);
	if (!search.found)
		return err_set(err, -ERR_NOT_FOUND, "no image IDs found");
	return err_set(err, -ERR_AMBIGUOUS, "ambiguous image ID: \"%s\"", prefix);
}

/* The digest of the manifest that an OCI image was fetched by. prefix: "sha256:" and some digits */
static int find_digest(struct store *s, const char *prefix, struct image_info *ret, struct err *err)
{
	struct image_info *list = NULL, *found = NULL;
	size_t n = 0, matches = 0;
	int r;

	if (strspn(prefix + 7, "0123456789abcdef") != strlen(prefix + 7) || strlen(prefix) > SHA256_DIGEST_LEN)
		return err_set(err, -ERR_BAD_INPUT, "'%s' is not the digest of a manifest", prefix);
	r = store_list(s, &list, &n, NULL, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		if (list[i].digest && str_starts(list[i].digest, prefix)) {
			found = &list[i];
			matches++;
		}
	if (!matches) {
		r = err_set(err, -ERR_NOT_FOUND, "no image IDs found");
	} else if (matches > 1) {
		r = err_set(err, -ERR_AMBIGUOUS, "ambiguous image ID: \"%s\"", prefix);
	} else {
		*ret = *found;
		*found = (struct image_info){};
	}
	image_infos_free(list, n);
	return r;
}

static int find_image_id(struct store *s, const char *prefix, struct image_info *ret, struct err *err)
{
	struct image_info info = {};
	AUTO(free) char *key = NULL;
	int r;

	r = image_id_check(prefix, err);
	if (r >= 0 && strlen(prefix) >= IMAGE_KEY_LEN)
		key = store_key(prefix);
	else if (r >= 0)
		r = find_key(s, prefix, &key, err);
	if (r < 0)
		return r;
	r = facts_load(s, key, &info, err);
	if (r == -ERR_NOT_FOUND)
		return err_set(err, r, "no image IDs found");
	if (r < 0)
		return r;
	/* A key is less than an ID: with another tail it is another image. */
	if (!str_starts(info.id, prefix)) {
		image_info_clear(&info);
		return err_set(err, -ERR_NOT_FOUND, "no image IDs found");
	}
	*ret = info;
	return 0;
}

int store_find_id(struct store *s, const char *prefix, struct image_info *ret, struct err *err)
{
	AUTO(free) char *hash = xstrdup(prefix);
	int r;

	r = prefix_check(prefix, err);
	if (r < 0)
		return r;
	/* The ID of an OCI image is the SHA-512 of its manifest, so that one needs no search. */
	if (str_starts(hash, "sha512")) {
		hash[6] = '-';
		return find_image_id(s, hash, ret, err);
	}
	hash[6] = ':';
	return find_digest(s, hash, ret, err);
}

static bool labels_fit(const struct image_info *i, const struct label *labels, size_t n)
{
	for (size_t k = 0; k < n; k++)
		if (!str_eq(label_get(i->labels, i->n_labels, labels[k].name), labels[k].value))
			return false;
	return true;
}

static int newest_first(const void *a, const void *b)
{
	const struct image_info *l = a, *r = b;

	if (l->import_time != r->import_time)
		return l->import_time < r->import_time ? 1 : -1;
	return strcmp(l->id, r->id);	/* any order, but always the same */
}

static int latest_first(const void *a, const void *b)
{
	const struct image_info *l = a, *r = b;

	return l->latest != r->latest ? (int)r->latest - (int)l->latest : newest_first(a, b);
}

static int load_named(struct store *s, const char *name, struct list *list, struct err *err)
{
	AUTO(free) char *dir = NULL;
	int r;

	r = names_path(name, &dir, err);
	if (r < 0)
		return r;
	r = s->cas_fd < 0 ? 0 : store_each(s->cas_fd, dir, list_each, list);
	return r < 0 ? err_sys(err, r, "cannot read '%s/cas/%s'", s->path, dir) : 0;
}

int store_find_name(struct store *s, const char *name, const struct label *labels, size_t n_labels,
		    bool (*accept)(void *arg, const struct image_info *), void *arg,
		    struct image_info *ret, struct err *err)
{
	AUTO(list_clear) struct list list = { .store = s, .names = true };
	bool versioned = label_get(labels, n_labels, "version");
	int r;

	r = load_named(s, name, &list, err);
	if (r < 0)
		return r;
	if (list.n)
		qsort(list.items, list.n, sizeof(*list.items), versioned ? newest_first : latest_first);
	for (size_t i = 0; i < list.n; i++) {
		struct image_info *info = &list.items[i];

		if (!str_eq(info->name, name) || !labels_fit(info, labels, n_labels))
			continue;
		if (accept && !accept(arg, info))
			continue;
		*ret = *info;
		*info = (struct image_info){};
		return 0;
	}
	return err_set(err, -ERR_NOT_FOUND, "cannot find image \"%s\"", name);
}

int store_find(struct store *s, const char *text, struct image_info *ret, struct err *err)
{
	AUTO(free) char *name = NULL;
	struct label *labels = NULL;
	size_t n = 0;
	int r;

	if (store_is_hash(text)) {
		r = store_find_id(s, text, ret, err);
		return r < 0 ? err_wrap(err, r, "cannot resolve image ID") : 0;
	}
	r = app_string_parse(text, &name, &labels, &n, err);
	if (r < 0)
		return err_wrap(err, r, "cannot parse the image name \"%s\"", text);
	r = store_find_name(s, name, labels, n, NULL, NULL, ret, err);
	labels_free(labels, n);
	if (r == -ERR_NOT_FOUND)
		return err_set(err, r, "cannot find image \"%s\"", text);
	return r;
}
