#include <stdint.h>

#include "image/kind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	(void)kind_of_head((const char *)data, size);
	return 0;
}
