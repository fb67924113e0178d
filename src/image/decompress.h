#ifndef IMAGE_DECOMPRESS_H
#define IMAGE_DECOMPRESS_H
#include <pthread.h>
#include <stdint.h>

#include "base/err.h"
/*
 * An image file made a plain tar: gzip, bzip2, xz, zstd or tar already, told
 * apart by their first bytes. Several members one after the other count as one
 * stream; anything else behind the last is an error, as is a missing end.
 */
/* The limit unpack-ratio counts from this size of the output on. */
#define DECOMPRESS_RATIO_FROM ((int64_t)1 << 30)

/*
 * Reads in_fd from its start to its end. -ERR_BAD_INPUT: not a format we know, truncated or corrupt;
 * err names the offset. -E2BIG: over a limit (spec/limits.h). -EPIPE: the reader of out_fd gave up.
 */
int decompress(int in_fd, int out_fd, struct err *err);

/*
 * Windows of zstd, which its frames ask for, when several decompress at once: small ones fit all at the same time, a
 * large one waits until there is room.
 */
struct decompress_memory {
	pthread_mutex_t lock;
	pthread_cond_t freed;
	int64_t left;
};
enum { DECOMPRESS_WINDOWS = 32 << 20 };
#define DECOMPRESS_MEMORY { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, DECOMPRESS_WINDOWS }

struct decompress_input {
	/* Fills data with len bytes, or with fewer at the end. May wait for them. */
	int (*read)(void *arg, void *data, size_t len, size_t *ret_len);
	void *arg;
	const char *what;	/* for messages: "image", "layer" */
	const char *format;	/* the one that it must be of, where "tar" is also what has no mark of any; NULL: any */
	int64_t *written;	/* the limit unpacked-bytes is for all that add to this, atomically; NULL: for this one */
	struct decompress_memory *memory;	/* NULL: nobody else does; the limit is decompress-memory, not layer-memory */
};

/* As decompress(), from wherever the bytes come. */
int decompress_from(const struct decompress_input *input, int out_fd, struct err *err);

/* "gzip", "bzip2", "xz", "zstd", "tar", or NULL. */
const char *decompress_format(const void *head, size_t len);
#endif
