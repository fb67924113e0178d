#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "store/facts.h"

/* One image's claim to one blob. */
struct claim {
	char *key;
	struct image_info *image;
};

struct claims {
	struct claim *list;
	size_t n, room;
};

static void add_claims(struct claims *c, struct image_info *image)
{
	char **blobs = image_blobs(image);

	for (size_t i = 0; blobs[i]; i++) {
		if (c->n == c->room) {
			c->room = c->room ? 2 * c->room : 64;
			c->list = xreallocarray(c->list, c->room, sizeof(*c->list));
		}
		c->list[c->n++] = (struct claim){ blobs[i], image };
	}
	free(blobs);
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct claim *)a)->key, ((const struct claim *)b)->key);
}

static int64_t size_of(struct store *s, const char *key)
{
	AUTO(close) int fd = -1;
	struct stat st;

	return store_open_key(s, key, &fd, NULL) >= 0 && fstat(fd, &st) == 0 ? st.st_size : 0;
}

/* All bytes are given out: who comes first gets what cannot be parted. */
static void share(struct claim *claims, size_t n, int64_t size)
{
	for (size_t i = 0; i < n; i++)
		claims[i].image->disk_size += size / (int64_t)n + (i < (size_t)(size % (int64_t)n));
}

/* What no other image has: its tree, and an ACI's archive. */
static void share_own(struct image_info *names, size_t n)
{
	int64_t size = names->tree_size + (names->format ? 0 : names->size);

	for (size_t i = 0; i < n; i++)
		names[i].disk_size = size / (int64_t)n + (i < (size_t)(size % (int64_t)n));
}

void store_measure(struct store *s, struct image_info *list, size_t n)
{
	struct claims c = {};

	for (size_t i = 0; i < n; i++)
		if (list[i].format)
			add_claims(&c, &list[i]);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && str_eq(list[end].id, list[i].id); end++)
			;
		share_own(list + i, end - i);
	}
	if (c.n)
		qsort(c.list, c.n, sizeof(*c.list), by_key);
	for (size_t i = 0, end; i < c.n; i = end) {
		for (end = i + 1; end < c.n && str_eq(c.list[end].key, c.list[i].key); end++)
			;
		share(c.list + i, end - i, size_of(s, c.list[i].key));
	}
	for (size_t i = 0; i < c.n; i++)
		free(c.list[i].key);
	free(c.list);
}
