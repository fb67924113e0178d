#ifndef STORE_FSCK_H
#define STORE_FSCK_H
#include "store/store.h"
/*
 * Is the store what it says it is, and can what is not be mended? Looked at are the facts of every image, what they
 * name (manifest, blobs, name, tree), what nobody names, and, asked for, the bytes of all blobs.
 *
 * What is looked for among what nobody names is looked for only while nobody else uses the store. Without repair we
 * don't wait for that: where others are at work, that part is left out and said to be.
 */
struct problem {
	const char *kind;	/* one word, for programs too: see fsck.c */
	const char *object;	/* an image's ID, or a path below the data directory */
	const char *words;	/* what is wrong with it */
	const char *cure;	/* "remove it" … */
	enum problem_outcome { PROBLEM_FOUND, PROBLEM_MENDED, PROBLEM_LEFT } outcome;
	const char *why;	/* PROBLEM_LEFT: why it could not be mended; NULL: that is for a person to do */
};

struct fsck {
	bool repair, contents;
	bool (*in_use)(void *arg, const char *tree);	/* does a pod stand on it? */
	void *in_use_arg;
	void (*tell)(void *arg, const struct problem *p);
	void *tell_arg;
};

/*
 * One that was found: with repair mends it first, then tells it. mend may be NULL: only a person can. Returns whether
 * it is mended. outcome and why are filled in.
 */
bool fsck_found(const struct fsck *q, struct problem *p, int (*mend)(void *arg, struct err *err), void *arg);

/* A failure is one of looking, not a finding. *ret_partly: others were at work, so not all was looked at. */
int store_fsck(struct store *s, int unpack_exe_fd, const struct fsck *q, bool *ret_partly, struct err *err);
#endif
