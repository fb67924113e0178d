#include "store/used.h"

#include "store/facts.h"

void used_clear(struct used *u)
{
	strset_clear(&u->trees);
	strset_clear(&u->blobs);
	u->unknown = false;
}

void used_add(struct used *u, const struct image_info *info)
{
	char **blobs = image_blobs(info);

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
