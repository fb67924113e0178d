#ifndef STORE_PARTIAL_H
#define STORE_PARTIAL_H
#include "store/store.h"
/*
 * Downloads that outlive their process, so that the next one goes on where they ended:
 * cas/tmp/part-UID-HASH (the bytes) and part-UID-HASH.json (what they are of and how the server named that
 * version). Only those of our own user are taken up. The lock on the file says that somebody works on it.
 */
struct partial {
	int fd;			/* to read and write; locked */
	char *name;		/* below cas/tmp */
	char *what;		/* the URL or digest */
	char *etag, *last_modified;	/* of the version that the bytes are of; NULL: unknown */
};
#define PARTIAL_NONE ((struct partial){ .fd = -1 })

/*
 * Opens the one for what (a URL or digest), empty if there is none that can be gone on with. Waits for another
 * rkt that is downloading it, and says so on stderr.
 */
int partial_open(struct store *s, const char *what, struct partial *ret, struct err *err);

/* Which version the bytes from now on are of; empties the file if it held another. */
int partial_note(struct store *s, struct partial *p, const char *etag, const char *last_modified, struct err *err);

/* The download is over, one way or another: takes it away. */
void partial_remove(struct store *s, struct partial *p);

/* Leaves it for the next one. */
void partial_keep(struct partial *p);
static inline void partial_keep_auto(struct partial *p) { partial_keep(p); }
#endif
