/*
 * Runs a fuzz target over files and directories of inputs, for builds without
 * libFuzzer: seeds and inputs that once broke something, as plain tests.
 */
#include <errno.h>
#include <stdint.h>

#include "base/fd.h"

#include <fcntl.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(int dir_fd, const char *name)
{
	AUTO(free) char *data = NULL;
	size_t len = 0;
	int r;

	r = file_read(dir_fd, name, 64 << 20, &data, &len);
	if (r < 0)
		return r;
	return LLVMFuzzerTestOneInput((const uint8_t *)data, len);
}

int main(int argc, char **argv)
{
	static const uint8_t nothing[1];
	int count = 0;

	LLVMFuzzerTestOneInput(nothing, 0);
	for (int i = 1; i < argc; i++) {
		AUTO(closedir) DIR *dir = opendir(argv[i]);
		struct dirent *entry;

		if (!dir && errno == ENOTDIR) {
			count += run_file(AT_FDCWD, argv[i]) == 0;
			continue;
		}
		while (dir && (entry = readdir(dir)))
			if (entry->d_name[0] != '.')
				count += run_file(dirfd(dir), entry->d_name) == 0;
	}
	printf("%d inputs\n", count);
	return count ? 0 : 1;
}
