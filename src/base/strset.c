#include "base/strset.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void strset_take(struct strset *set, char *s)
{
	if (set->n == set->room) {
		set->room = set->room ? 2 * set->room : 64;
		set->list = xreallocarray(set->list, set->room, sizeof(*set->list));
	}
	set->list[set->n++] = s;
	set->sorted = false;
}

void strset_add(struct strset *set, const char *s)
{
	strset_take(set, xstrdup(s));
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

bool strset_has(struct strset *set, const char *s)
{
	if (!set->n)
		return false;
	if (!set->sorted)
		qsort(set->list, set->n, sizeof(*set->list), compare);
	set->sorted = true;
	return bsearch(&s, set->list, set->n, sizeof(*set->list), compare);
}

void strset_clear(struct strset *set)
{
	for (size_t i = 0; i < set->n; i++)
		free(set->list[i]);
	free(set->list);
	*set = (struct strset){};
}
