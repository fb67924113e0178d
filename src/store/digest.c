#include "store/digest.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "spec/limits.h"
#include "spec/types.h"
#include "store/ring.h"

int digest_init(struct err *err)
{
	int r = hash_init();

	return r < 0 ? err_set(err, r, "libcrypto gives no SHA-2") : 0;
}

int digest_tree_name(const char *key, char **ret, struct err *err)
{
	AUTO(hash_free) struct hash *hash = NULL;
	char name[HASH_NAME_MAX + 1];
	int r;

	r = digest_init(err);
	if (r < 0)
		return r;
	hash = hash_new(HASH_SHA512);
	r = hash_add(hash, key, strlen(key));
	if (r >= 0)
		r = hash_end(hash, name);
	if (r < 0)
		return err_sys(err, r, "cannot hash");
	*ret = xasprintf("deps-%.*s", IMAGE_KEY_LEN, name);
	return 0;
}

/* --- who reads the ring ---------------------------------------------------- */

struct reader {
	struct ring *ring;
	unsigned me;
	struct err err;
	int r;
};

struct hash_job {
	struct reader reader;
	enum hash_kind kind;
	char *name;		/* HASH_NAME_MAX bytes and a NUL */
};

static void *hash_thread(void *arg)
{
	struct hash_job *job = arg;
	struct reader *reader = &job->reader;
	AUTO(hash_free) struct hash *hash = hash_new(job->kind);
	const struct slot *slot;
	bool held = false;
	int r;

	while ((r = ring_next(reader->ring, reader->me, held, &slot)) > 0) {
		held = true;
		r = hash_add(hash, slot->data, slot->len);
		if (r < 0)
			break;
	}
	if (r == 0)
		r = hash_end(hash, job->name);
	if (r < 0) {
		err_sys(&reader->err, r, "cannot hash");
		ring_stop(reader->ring);
	}
	reader->r = r;
	return NULL;
}

struct walk_job {
	struct reader reader;
	const struct tar_sink *sink;
	struct tar_result *result;
	bool held;
};

static int walk_read(void *arg, const void **ret, size_t *ret_len, struct err *err)
{
	struct walk_job *job = arg;
	const struct slot *slot = NULL;
	int r;

	r = ring_next(job->reader.ring, job->reader.me, job->held, &slot);
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

	job->reader.r = tar_read(&source, job->sink, job->result, &job->reader.err);
	if (job->reader.r < 0)
		ring_stop(job->reader.ring);
	return NULL;
}

/* --- together ---------------------------------------------------------------- */

enum { WRITE_BACK_BYTES = 8 << 20 };

/* What is written: the disk is given something to do while more comes, so that little is left for the end. */
struct copy {
	int fd;			/* -1: none */
	int64_t size, begun;	/* so much is written; of so much the disk was told */
};

static int copy_add(struct copy *c, const struct slot *slot)
{
	int r = c->fd >= 0 ? fd_write_all(c->fd, slot->data, slot->len) : 0;

	if (r < 0)
		return r;
	c->size += (int64_t)slot->len;
	if (c->fd >= 0 && c->size - c->begun >= WRITE_BACK_BYTES) {
		(void)sync_file_range(c->fd, c->begun, c->size - c->begun, SYNC_FILE_RANGE_WRITE);
		c->begun = c->size;
	}
	return 0;
}

/* Waits for the disk. */
static int copy_end(struct copy *c, struct err *err)
{
	/* EINVAL: a file of a kind that is on no disk, as where bytes are only hashed (fsync(2)). */
	if (c->fd >= 0 && fsync(c->fd) < 0 && errno != EINVAL)
		return err_sys(err, -errno, "cannot write the image to disk");
	return 0;
}

static int fill_ring(struct ring *ring, int in_fd, int out_fd, int64_t *ret_size, struct err *err)
{
	struct copy copy = { .fd = out_fd };
	struct slot *slot;
	int r;

	while ((slot = ring_free_slot(ring))) {
		r = fd_read_upto(in_fd, slot->data, RING_SLOT_BYTES, &slot->len);
		if (r < 0)
			return err_sys(err, r, "cannot read the archive");
		if (!slot->len) {
			ring_filled(ring, true);
			*ret_size = copy.size;
			return copy_end(&copy, err);
		}
		if ((int64_t)slot->len > limits()->unpacked_bytes - copy.size)
			return limit_refuse(err, &limits()->unpacked_bytes, "the archive is larger than");
		ring_filled(ring, false);
		/* The readers already work on it, and reading is all that anybody does to it. */
		r = copy_add(&copy, slot);
		if (r < 0)
			return err_sys(err, r, "cannot write the image into the store");
	}
	return -ECANCELED;
}

struct worker {
	void *(*run)(void *job);
	void *job;
	struct reader *reader;
	pthread_t thread;
};

static int start_workers(struct ring *ring, struct worker *workers, unsigned n, unsigned *ret_started,
			 struct err *err)
{
	for (unsigned i = 0; i < n; i++) {
		int r;

		workers[i].reader->ring = ring;
		workers[i].reader->me = i;
		r = pthread_create(&workers[i].thread, NULL, workers[i].run, workers[i].job);
		if (r) {
			ring_stop(ring);
			return err_sys(err, -r, "cannot start a thread");
		}
		*ret_started = i + 1;
	}
	return 0;
}

/* The first failure that is not merely the echo of another one; its words become err's. */
static int choose_failure(int fill, const struct worker *workers, unsigned n, struct err *err)
{
	int any = fill;

	if (fill < 0 && fill != -ECANCELED)
		return fill;
	for (unsigned i = 0; i < n; i++) {
		struct reader *reader = workers[i].reader;

		if (reader->r >= 0)
			continue;
		any = reader->r;
		if (reader->r == -ECANCELED)
			continue;
		if (err) {
			err_clear(err);
			err->chain = TAKE(reader->err.chain);
		}
		break;
	}
	return any;
}

static int run_workers(struct worker *workers, unsigned n, int in_fd, int out_fd, int64_t *ret_size, struct err *err)
{
	AUTO(ring_free) struct ring *ring = ring_new(n);
	unsigned started = 0;
	int r;

	r = start_workers(ring, workers, n, &started, err);
	if (r >= 0) {
		r = fill_ring(ring, in_fd, out_fd, ret_size, err);
		if (r < 0)
			ring_stop(ring);
	}
	for (unsigned i = 0; i < started; i++)
		pthread_join(workers[i].thread, NULL);
	r = choose_failure(r, workers, started, err);
	for (unsigned i = 0; i < started; i++)
		err_clear(&workers[i].reader->err);
	return r;
}

int digest_archive(int in_fd, int out_fd, const struct tar_sink *sink, struct digest_result *ret,
		   struct err *err)
{
	struct hash_job hash = { .kind = HASH_SHA512, .name = ret->id };
	struct walk_job walk = { .sink = sink, .result = &ret->tar };
	struct worker workers[] = {
		{ walk_thread, &walk, &walk.reader }, { hash_thread, &hash, &hash.reader },
	};
	int r;

	r = digest_init(err);
	if (r < 0)
		return r;
	*ret = (struct digest_result){};
	r = run_workers(workers, ARRAY_LEN(workers), in_fd, out_fd, &ret->size, err);
	if (r < 0)
		free(TAKE(ret->tar.manifest));
	return r;
}

int digest_stream(int in_fd, int out_fd, unsigned kinds, struct blob_digests *ret, struct err *err)
{
	struct hash_job jobs[HASH_KINDS] = {};
	struct worker workers[HASH_KINDS];
	unsigned n = 0;
	int r;

	r = digest_init(err);
	if (r < 0)
		return r;
	*ret = (struct blob_digests){};
	for (unsigned kind = 0; kind < HASH_KINDS; kind++) {
		if (!(kinds & 1u << kind))
			continue;
		jobs[n] = (struct hash_job){ .kind = kind, .name = kind == HASH_SHA256 ? ret->sha256 : ret->sha512 };
		workers[n] = (struct worker){ hash_thread, &jobs[n], &jobs[n].reader };
		n++;
	}
	return run_workers(workers, n, in_fd, out_fd, &ret->size, err);
}
