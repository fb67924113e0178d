#ifndef STORE_TARREAD_H
#define STORE_TARREAD_H
#include <stddef.h>

#include "store/member.h"
/*
 * Reads an image archive (an uncompressed tar) member by member, holds each
 * against the rules of store/member.h, and hands it to a sink. Where the bytes
 * come from and what becomes of the members is the caller's: the same walk
 * checks an archive, unpacks it, and is fuzzed.
 */
struct tar_source {
	/*
	 * The next bytes, which stay until the next call. *ret_len 0: end.
	 * A failure ends the reading and is passed on as it is.
	 */
	int (*read)(void *arg, const void **ret, size_t *ret_len, struct err *err);
	void *arg;
	enum tar_format format;
};

/* Each may be NULL; without data(), contents are not touched. The manifest does not go through here. */
struct tar_sink {
	int (*begin)(void *arg, const struct member *m, struct err *err);
	int (*data)(void *arg, const void *data, size_t len, int64_t offset, struct err *err);
	int (*end)(void *arg, const struct member *m, struct err *err);
	void *arg;
};

struct tar_result {
	char *manifest;		/* of an ACI; the caller frees it */
	size_t manifest_len;
	int64_t content;	/* bytes of all files, hard links once */
};

/*
 * Reads all of the source, an ACI or a layer of an OCI image, also what follows the end of the archive (which may
 * only be zeros). -ERR_BAD_INPUT names the member, or the offset where there
 * is none to name.
 *
 * The process must be in the "C" locale: in any other the library changes
 * names on their way (it composes Unicode); in "C" they stay the bytes they are.
 */
int tar_read(const struct tar_source *source, const struct tar_sink *sink, struct tar_result *ret,
	     struct err *err);
#endif
