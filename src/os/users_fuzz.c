#include <stdint.h>
#include <string.h>

#include "os/users.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The name to look for is the first line of the input, the file the rest. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(free) char *text = xstrndup((const char *)data, size);
	char *end = strchr(text, '\n');
	unsigned id;

	if (!end)
		return 0;
	*end = 0;
	if (users_find(end + 1, text, &id) == 0 && id == UINT32_MAX)
		abort();
	if (users_find_group(end + 1, *text == '0' ? NULL : text, 1, &id) == 0 && id == UINT32_MAX)
		abort();
	return 0;
}
