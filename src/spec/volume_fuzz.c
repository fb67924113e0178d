#include <stdint.h>

#include "spec/pod.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the command line's forms give passes the checks of a manifest. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(free) char *text = xstrndup((const char *)data, size);
	struct volume volume = {};
	struct mount mount = {};

	if (volume_parse(text, &volume, NULL) >= 0 && volume_check(&volume, NULL) < 0)
		abort();
	if (mount_parse(text, &mount, NULL) >= 0 && *mount.path != '/')
		abort();
	volume_clear(&volume);
	mount_clear(&mount);
	return 0;
}
