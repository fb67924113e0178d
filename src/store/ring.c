#include "store/ring.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>

#include "base/mem.h"

struct ring {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct slot slots[RING_SLOTS];
	char *space;
	uint64_t filled, emptied[RING_READERS_MAX];
	unsigned readers;
	bool ended;		/* nothing will be filled any more */
	bool stopped;
};

struct ring *ring_new(unsigned readers)
{
	struct ring *ring = xcalloc(1, sizeof(*ring));

	ring->readers = readers;
	ring->space = xmalloc((size_t)RING_SLOTS * RING_SLOT_BYTES);
	for (size_t i = 0; i < RING_SLOTS; i++)
		ring->slots[i].data = ring->space + i * RING_SLOT_BYTES;
	pthread_mutex_init(&ring->lock, NULL);
	pthread_cond_init(&ring->changed, NULL);
	return ring;
}

void ring_free(struct ring *ring)
{
	if (!ring)
		return;
	pthread_cond_destroy(&ring->changed);
	pthread_mutex_destroy(&ring->lock);
	free(ring->space);
	free(ring);
}

static uint64_t slowest(const struct ring *ring)
{
	uint64_t n = ring->emptied[0];

	for (unsigned i = 1; i < ring->readers; i++)
		if (ring->emptied[i] < n)
			n = ring->emptied[i];
	return n;
}

struct slot *ring_free_slot(struct ring *ring)
{
	struct slot *slot = NULL;

	pthread_mutex_lock(&ring->lock);
	while (!ring->stopped && ring->filled - slowest(ring) == RING_SLOTS)
		pthread_cond_wait(&ring->changed, &ring->lock);
	if (!ring->stopped)
		slot = &ring->slots[ring->filled % RING_SLOTS];
	pthread_mutex_unlock(&ring->lock);
	return slot;
}

void ring_filled(struct ring *ring, bool ended)
{
	pthread_mutex_lock(&ring->lock);
	if (ended)
		ring->ended = true;
	else
		ring->filled++;
	pthread_cond_broadcast(&ring->changed);
	pthread_mutex_unlock(&ring->lock);
}

int ring_next(struct ring *ring, unsigned me, bool held, const struct slot **ret)
{
	int r = 0;

	pthread_mutex_lock(&ring->lock);
	if (held) {
		ring->emptied[me]++;
		pthread_cond_broadcast(&ring->changed);
	}
	while (!ring->stopped && !ring->ended && ring->emptied[me] == ring->filled)
		pthread_cond_wait(&ring->changed, &ring->lock);
	if (ring->stopped) {
		r = -ECANCELED;
	} else if (ring->emptied[me] < ring->filled) {
		*ret = &ring->slots[ring->emptied[me] % RING_SLOTS];
		r = 1;
	}
	pthread_mutex_unlock(&ring->lock);
	return r;
}

void ring_stop(struct ring *ring)
{
	pthread_mutex_lock(&ring->lock);
	ring->stopped = true;
	pthread_cond_broadcast(&ring->changed);
	pthread_mutex_unlock(&ring->lock);
}
