#ifndef STORE_RING_H
#define STORE_RING_H
#include <stdbool.h>
#include <stddef.h>

#include "base/auto.h"
/*
 * A few MB of slots between threads: one fills them in turn, and each reader
 * empties all of them in the same order. A slot is filled again when the
 * slowest reader is past it.
 */
enum { RING_SLOT_BYTES = 512 << 10, RING_SLOTS = 8, RING_READERS_MAX = 2 };

struct ring;
struct slot {
	char *data;
	size_t len;
};

struct ring *ring_new(unsigned readers);
void ring_free(struct ring *ring);	/* when no thread uses it any more */
DEFINE_AUTO(struct ring *, ring_free)

/* The next slot to fill, NULL when somebody stopped it all. */
struct slot *ring_free_slot(struct ring *ring);

/* It is filled; ended: it was none, and there will be no more. */
void ring_filled(struct ring *ring, bool ended);

/*
 * For reader number me: gives back the slot held last, if held, and waits for
 * the next. 1: there is one. 0: the end. -ECANCELED.
 */
int ring_next(struct ring *ring, unsigned me, bool held, const struct slot **ret);

/* Somebody failed: everybody gives up. */
void ring_stop(struct ring *ring);
#endif
