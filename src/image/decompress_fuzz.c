#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "image/decompress.h"
#include "spec/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct limits small = { .unpacked_bytes = 16 << 20 };
	AUTO(close) int in_fd = memfd_create("input", MFD_CLOEXEC);
	AUTO(close) int out_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	limits_set(&small);
	if (in_fd >= 0 && out_fd >= 0 && fd_write_all(in_fd, data, size) == 0)
		(void)decompress(in_fd, out_fd, NULL);
	return 0;
}
