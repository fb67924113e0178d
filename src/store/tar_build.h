#ifndef STORE_TAR_BUILD_H
#define STORE_TAR_BUILD_H
#include "base/buf.h"
/* For tests: archives made header by header, with every lie that a field can tell. */
struct tar_header {
	const char *name;
	char type;		/* '0' file, '1' hard link, '2' symlink, '3' '4' device, '5' directory, '6' fifo */
	const char *link, *data;
	unsigned mode, uid, gid;
	long mtime;
	const char *size;	/* the field's text instead of the true one */
	const char *pax;	/* "key=value\n" lines to put in an extended header before it */
};

void tar_add(struct buf *tar, const struct tar_header *h);
void tar_end(struct buf *tar);

/* "manifest" and an empty "rootfs", as every good archive begins. */
void tar_begin(struct buf *tar, const char *manifest);
#define TEST_MANIFEST \
	"{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\",\"name\":\"example.com/t\"}"
#endif
