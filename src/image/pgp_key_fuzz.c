#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "image/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_reply reply = { .keys = xcalloc(1, sizeof(struct wire_key)), .n_keys = 1 };
	AUTO(free) char *text = xcalloc(1, size + 1);

	if (size)
		memcpy(text, data, size);
	(void)key_read(text, size, &reply.keys[0], NULL);
	wire_reply_clear(&reply);
	return 0;
}
