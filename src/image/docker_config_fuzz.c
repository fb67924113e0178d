#include <stdint.h>

#include "image/docker_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const hosts[] = { "registry-1.docker.io", "quay.io", "h:5000", "a.com" };

	for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
		struct wire_credential c = {};
		AUTO(free) char *helper = NULL;

		(void)docker_config_find((const char *)data, size, hosts[i], &c, &helper, NULL);
		free(c.authorization);
		free(c.identity_token);
	}
	return 0;
}
