#ifndef CLI_IMAGE_VIEW_H
#define CLI_IMAGE_VIEW_H
#include "base/opt.h"
#include "cli/format.h"
#include "stage0/stage0.h"

/* What rkt image list shows of the store, and how its options choose. */
struct image_list_args {
	bool full, no_legend, descending;
	enum format format;
	char **fields, **sort;		/* names as --fields takes them */
	const struct engine *engine;	/* to tell who is still trusted */
};
extern const struct opt image_list_opts[];

void image_list_sort(struct image_info *list, size_t n, const struct image_list_args *a);
char *image_list_table(const struct image_info *list, size_t n, const struct image_list_args *a, int64_t now_ns);
char *image_list_json(const struct image_info *list, size_t n, const struct image_list_args *a);
#endif
