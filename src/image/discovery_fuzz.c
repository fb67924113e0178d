#include <stdint.h>

#include "base/mem.h"
#include "image/discovery.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *labels_text[] = { (char[]){ "os" }, (char[]){ "linux" } };
	struct label label = { labels_text[0], labels_text[1] };
	AUTO(strv_free) char **tags = discovery_tags((const char *)data, size, DISCOVERY_IMAGE, "example.com/app");
	AUTO(strv_free) char **keys = discovery_tags((const char *)data, size, DISCOVERY_KEYS, "example.com/app");

	for (size_t i = 0; tags && tags[i]; i++) {
		AUTO(free) char *url = discovery_render(tags[i], "example.com/app", &label, 1, "aci");
		AUTO(free) char *signature = url ? discovery_signature_url(url) : NULL;

		(void)signature;
	}
	(void)keys;
	return 0;
}
