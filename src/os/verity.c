#include "os/verity.h"

#include <errno.h>
#include <linux/fsverity.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/mem.h"

enum { BLOCK = 4096, SHA256_BYTES = 32 };

/* A file system or kernel that knows nothing of it says so in several ways. */
static int failed(int r)
{
	return r == -ENOTTY || r == -ENOSYS ? -EOPNOTSUPP : r;
}

int verity_seal(int fd)
{
	struct fsverity_enable_arg arg = {
		.version = 1, .hash_algorithm = FS_VERITY_HASH_ALG_SHA256, .block_size = BLOCK,
	};
	int r;

	do
		r = ioctl(fd, FS_IOC_ENABLE_VERITY, &arg) < 0 ? -errno : 0;
	while (r == -EINTR);
	return r == -EEXIST ? 0 : failed(r);
}

int verity_measure(int fd, char ret[VERITY_TEXT + 1])
{
	union {
		struct fsverity_digest digest;
		unsigned char room[sizeof(struct fsverity_digest) + 64];
	} m = { .digest.digest_size = 64 };

	if (ioctl(fd, FS_IOC_MEASURE_VERITY, &m) < 0) {
		int r = failed(-errno);

		return r == -EOPNOTSUPP ? -ENODATA : r;
	}
	if (m.digest.digest_algorithm != FS_VERITY_HASH_ALG_SHA256 || m.digest.digest_size != SHA256_BYTES)
		return -ENODATA;
	str_hex(mempcpy(ret, "sha256:", 7), m.digest.digest, SHA256_BYTES);
	return 0;
}
