#include <stdint.h>

#include "stage1/native/exe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	free(exe_interpreter(data, size));
	return 0;
}
