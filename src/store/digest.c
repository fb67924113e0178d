#include "store/digest.h"

#include <pthread.h>
#include <string.h>

#include "base/fd.h"
#include "spec/types.h"

enum { SLOT_BYTES = 512 << 10, SLOTS = 8 };
enum reader { HASHER, WALKER, READERS };

struct slot {
	char *data;
	size_t len;
};

/*
 * Slots that the calling thread fills in turn and both readers empty in the
 * same order. A slot is filled again when the slower reader is past it.
 */
struct ring {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct slot slots[SLOTS];
	uint64_t filled, emptied[READERS];
	bool ended;		/* nothing will be filled any more */
	bool stopped;		/* somebody failed: everybody gives up */
};

int digest_init(struct err *err)
{
	int r = sha512_init();

	return r < 0 ? err_set(err, r, "libcrypto gives no SHA-512") : 0;
}

int digest_tree_name(const char *key, char **ret, struct err *err)
{
	AUTO(sha512_free) struct sha512 *hash = NULL;
	char hex[SHA512_HEX + 1];
	int r;

	r = digest_init(err);
	if (r < 0)
		return r;
	hash = sha512_new();
	r = sha512_add(hash, key, strlen(key));
	if (r >= 0)
		r = sha512_end(hash, hex);
	if (r < 0)
		return err_sys(err, r, "cannot hash");
	*ret = xasprintf("deps-sha512-%.*s", IMAGE_KEY_LEN - 7, hex);
	return 0;
}

static int hash_end(struct sha512 *hash, char *ret_id)
{
	memcpy(ret_id, "sha512-", 7);
	return sha512_end(hash, ret_id + 7);
}

static void ring_stop(struct ring *ring)
{
	pthread_mutex_lock(&ring->lock);
	ring->stopped = true;
	pthread_cond_broadcast(&ring->changed);
	pthread_mutex_unlock(&ring->lock);
}

static uint64_t ring_slowest(const struct ring *ring)
{
	return ring->emptied[HASHER] < ring->emptied[WALKER] ? ring->emptied[HASHER] : ring->emptied[WALKER];
}

/* The next slot to fill, NULL when it is over. */
static struct slot *ring_free_slot(struct ring *ring)
{
	struct slot *slot = NULL;

	pthread_mutex_lock(&ring->lock);
	while (!ring->stopped && ring->filled - ring_slowest(ring) == SLOTS)
		pthread_cond_wait(&ring->changed, &ring->lock);
	if (!ring->stopped)
		slot = &ring->slots[ring->filled % SLOTS];
	pthread_mutex_unlock(&ring->lock);
	return slot;
}

static void ring_filled(struct ring *ring, bool ended)
{
	pthread_mutex_lock(&ring->lock);
	if (ended)
		ring->ended = true;
	else
		ring->filled++;
	pthread_cond_broadcast(&ring->changed);
	pthread_mutex_unlock(&ring->lock);
}

/* Gives back the slot held last, if held, and waits for the next. 1: there is one. 0: the end. -ECANCELED. */
static int ring_next(struct ring *ring, enum reader me, bool held, const struct slot **ret)
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
		*ret = &ring->slots[ring->emptied[me] % SLOTS];
		r = 1;
	}
	pthread_mutex_unlock(&ring->lock);
	return r;
}

struct hash_job {
	struct ring *ring;
	char *id;
	struct err err;
	int r;
};

static void *hash_thread(void *arg)
{
	struct hash_job *job = arg;
	AUTO(sha512_free) struct sha512 *hash = sha512_new();
	const struct slot *slot;
	bool held = false;
	int r;

	while ((r = ring_next(job->ring, HASHER, held, &slot)) > 0) {
		held = true;
		r = sha512_add(hash, slot->data, slot->len);
		if (r < 0)
			break;
	}
	if (r == 0)
		r = hash_end(hash, job->id);
	if (r < 0) {
		err_sys(&job->err, r, "cannot hash");
		ring_stop(job->ring);
	}
	job->r = r;
	return NULL;
}

struct walk_job {
	struct ring *ring;
	const struct tar_sink *sink;
	struct tar_result *result;
	bool held;
	struct err err;
	int r;
};

static int walk_read(void *arg, const void **ret, size_t *ret_len, struct err *err)
{
	struct walk_job *job = arg;
	const struct slot *slot = NULL;
	int r;

	r = ring_next(job->ring, WALKER, job->held, &slot);
	if (r < 0)
		return r;
	job->held = r > 0;
	*ret = r > 0 ? slot->data : NULL;
	*ret_len = r > 0 ? slot->len : 0;
	return 0;
}

static void *walk_thread(void *arg)
{
	struct walk_job *job = arg;
	struct tar_source source = { .read = walk_read, .arg = job };

	job->r = tar_read(&source, job->sink, job->result, &job->err);
	if (job->r < 0)
		ring_stop(job->ring);
	return NULL;
}

static int fill_ring(struct ring *ring, int in_fd, int out_fd, int64_t *ret_size, struct err *err)
{
	struct slot *slot;
	int r;

	*ret_size = 0;
	while ((slot = ring_free_slot(ring))) {
		r = fd_read_upto(in_fd, slot->data, SLOT_BYTES, &slot->len);
		if (r < 0)
			return err_sys(err, r, "cannot read the archive");
		if (!slot->len) {
			ring_filled(ring, true);
			return 0;
		}
		*ret_size += (int64_t)slot->len;
		ring_filled(ring, false);
		/* The readers already work on it, and reading is all that anybody does to it. */
		r = out_fd >= 0 ? fd_write_all(out_fd, slot->data, slot->len) : 0;
		if (r < 0)
			return err_sys(err, r, "cannot write the image into the store");
	}
	return -ECANCELED;
}

static int start_thread(pthread_t *thread, void *(*run)(void *), void *arg, struct err *err)
{
	int r = pthread_create(thread, NULL, run, arg);

	return r ? err_sys(err, -r, "cannot start a thread") : 0;
}

/* The first failure that is not merely the echo of another one. */
static int choose_failure(int fill, struct hash_job *hash, struct walk_job *walk, struct err *err)
{
	struct {
		int r;
		struct err *err;
	} all[] = { { fill, NULL }, { walk->r, &walk->err }, { hash->r, &hash->err } };
	int any = 0;

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (all[i].r < 0)
			any = all[i].r;
		if (all[i].r >= 0 || all[i].r == -ECANCELED)
			continue;
		if (err && all[i].err) {
			err_clear(err);
			err->chain = TAKE(all[i].err->chain);
		}
		return all[i].r;
	}
	return any;
}

static int run_ring(struct ring *ring, int in_fd, int out_fd, const struct tar_sink *sink,
		    struct digest_result *ret, struct err *err)
{
	AUTO(err_clear) struct err fill_err = {};
	struct hash_job hash = { .ring = ring, .id = ret->id };
	struct walk_job walk = { .ring = ring, .sink = sink, .result = &ret->tar };
	pthread_t hasher, walker;
	int r, fill;

	r = start_thread(&hasher, hash_thread, &hash, err);
	if (r < 0)
		return r;
	r = start_thread(&walker, walk_thread, &walk, err);
	if (r < 0) {
		ring_stop(ring);
		pthread_join(hasher, NULL);
		err_clear(&hash.err);
		return r;
	}
	fill = fill_ring(ring, in_fd, out_fd, &ret->size, &fill_err);
	if (fill < 0)
		ring_stop(ring);
	pthread_join(hasher, NULL);
	pthread_join(walker, NULL);
	if (fill < 0 && fill != -ECANCELED && err) {
		err_clear(err);
		err->chain = TAKE(fill_err.chain);
	}
	r = choose_failure(fill, &hash, &walk, err);
	err_clear(&hash.err);
	err_clear(&walk.err);
	return r;
}

int digest_archive(int in_fd, int out_fd, const struct tar_sink *sink, struct digest_result *ret,
		   struct err *err)
{
	struct ring ring = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
	AUTO(free) char *space = NULL;
	int r;

	r = digest_init(err);
	if (r < 0)
		return r;
	*ret = (struct digest_result){};
	space = xmalloc((size_t)SLOTS * SLOT_BYTES);
	for (size_t i = 0; i < SLOTS; i++)
		ring.slots[i].data = space + i * SLOT_BYTES;
	r = run_ring(&ring, in_fd, out_fd, sink, ret, err);
	if (r < 0)
		free(TAKE(ret->tar.manifest));
	return r;
}

int digest_file(int fd, char ret_id[7 + SHA512_HEX + 1], int64_t *ret_size, struct err *err)
{
	AUTO(sha512_free) struct sha512 *hash = NULL;
	AUTO(free) char *data = xmalloc(SLOT_BYTES);
	size_t len;
	int r;

	r = digest_init(err);
	if (r < 0)
		return r;
	hash = sha512_new();
	*ret_size = 0;
	do {
		r = fd_read_upto(fd, data, SLOT_BYTES, &len);
		if (r < 0)
			return err_sys(err, r, "cannot read the image");
		r = sha512_add(hash, data, len);
		if (r < 0)
			return err_sys(err, r, "cannot hash");
		*ret_size += (int64_t)len;
	} while (len == SLOT_BYTES);
	r = hash_end(hash, ret_id);
	return r < 0 ? err_sys(err, r, "cannot hash") : 0;
}
