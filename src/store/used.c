#include "store/used.h"

#include "base/path.h"
#include "store/facts.h"
#include "store/names.h"

void used_clear(struct used *u)
{
	strset_clear(&u->keys);
	strset_clear(&u->names);
	strset_clear(&u->trees);
	strset_clear(&u->blobs);
	u->unknown = false;
}

static void add_name(struct used *u, const char *name, const char *key)
{
	AUTO(free) char *dir = NULL;

	if (names_path(name, &dir, NULL) >= 0)
		strset_take(&u->names, xasprintf("%s/%s", path_last(dir), key));
}

void used_add(struct used *u, const struct image_info *info)
{
	char **blobs = image_blobs(info), *key = store_key(info->id);

	add_name(u, info->name, key);
	for (size_t i = 0; i < info->n_others; i++)
		add_name(u, info->others[i].name, key);
	strset_take(&u->keys, key);
	for (size_t i = 0; blobs[i]; i++)
		strset_take(&u->blobs, blobs[i]);
	free(blobs);
	if (info->tree)
		strset_add(&u->trees, info->tree);
}

int used_collect(struct store *s, struct used *ret, struct err *err)
{
	struct image_info *list = NULL;
	size_t n = 0, bad = 0;
	int r;

	r = store_list(s, &list, &n, &bad, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		used_add(ret, &list[i]);
	ret->unknown = bad > 0;
	image_infos_free(list, n);
	return 0;
}
