#include "stage0/dependencies.h"
#include "stage0/image.h"

int image_obtain(const struct engine *e, struct store *store, const char *text, const char *signature,
		 enum pull_policy policy, struct image_info *ret, struct err *err)
{
	AUTO(image_info_clear) struct image_info image = {};
	int r = image_obtain_one(e, store, text, signature, policy, &image, err);

	if (r >= 0)
		r = dependencies_obtain(e, store, &image, policy, err);
	if (r < 0)
		return r;
	*ret = image;
	image = (struct image_info){};
	return 0;
}
