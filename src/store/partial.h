#ifndef STORE_PARTIAL_H
#define STORE_PARTIAL_H
#include "store/store.h"
/*
 * Downloads that outlive their process, so that the next one goes on where they
 * ended: cas/tmp/part-UID/HASH (the bytes) and HASH.json (what they are of, and
 * how the server named that version). The directory is its user's alone, so what
 * lies there was written by us. The lock on the file says that somebody works on
 * it; it goes with the last process that has the file open.
 *
 * A sweep leaves those alone that a download of the last day can go on with.
 */
struct partial {
	int fd;			/* to read and write; locked */
	int dir_fd;		/* part-UID */
	char *name;		/* in it */
	char *what;
	char *url, *version;	/* what the bytes are of; NULL: there are none, or they are of a digest */
	bool waited;		/* another rkt was at it: it may have left what is wanted in the store */
};
#define PARTIAL_NONE ((struct partial){ .fd = -1, .dir_fd = -1 })

/*
 * Opens the one for what, empty if there is none that can be gone on with. what is a digest, which can always be
 * gone on with, or any other name of what is wanted, which can be once partial_note() said of which version it is.
 * wait: for whoever is downloading it, which is said on stderr; without: -EWOULDBLOCK. Who holds another one may not
 * wait: that could be the one waited for. From here on the store is in use, as by store_use().
 */
int partial_open(struct store *s, const char *what, bool wait, struct partial *ret, struct err *err);

/*
 * The bytes from now on are of this version of the URL, by the server's word (http_answer.version; NULL: it has no
 * name). Empties the file, unless that is what it holds already.
 */
int partial_note(struct partial *p, const char *url, const char *version, struct err *err);

/* The download is over, one way or another: takes it away. */
void partial_remove(struct store *s, struct partial *p);

/* Leaves it for the next one. */
void partial_keep(struct partial *p);
static inline void partial_keep_auto(struct partial *p) { partial_keep(p); }

/* Of the entry of cas/tmp: is it such a directory? */
bool partial_dir_valid(const char *name);

/*
 * Tells what no download will go on with, notes after their files. A directory that found() left empty goes too. A
 * failure of found() ends it. 1: there are no downloads, but an empty directory, or what is none.
 */
int partial_leftovers(int tmp_fd, const char *name, int (*found)(void *arg, int dir_fd, const char *name), void *arg);
#endif
