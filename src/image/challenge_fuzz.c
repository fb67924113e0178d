#include <stdint.h>

#include "base/mem.h"
#include "image/challenge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(free) char *text = xstrndup((const char *)data, size);
	struct challenge *list = NULL;
	size_t n = 0;

	if (challenge_parse(text, &list, &n, NULL) < 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		AUTO(free) char *url = NULL;

		(void)challenge_url(&list[i], "repository:a/b:pull", &url, NULL);
	}
	challenges_free(list, n);
	return 0;
}
