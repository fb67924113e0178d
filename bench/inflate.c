/*
 * inflate GZIP-FILE…: what nobody who pulls these layers can do without: the digest of each file, its
 * decompression, the digest of what comes out. Nothing is kept. As many files at once as there are processors
 * (or as THREADS in the environment says), and of each the decompression and the second digest side by side.
 * Prints the second digests.
 */
#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SLOT = 512 << 10, SLOTS = 4, FILES = 64 };

struct job {
	const char *path;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned char slots[SLOTS][SLOT];
	size_t len[SLOTS];
	unsigned filled, emptied;
	int ended;
	unsigned char digest[32];
};

static char **paths;
static int n_paths;
static atomic_int next;
static unsigned char digests[FILES][32];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void *hash_slots(void *arg)
{
	struct job *j = arg;
	EVP_MD_CTX *md = EVP_MD_CTX_new();

	EVP_DigestInit_ex(md, EVP_sha256(), NULL);
	for (;;) {
		pthread_mutex_lock(&j->lock);
		while (j->filled == j->emptied && !j->ended)
			pthread_cond_wait(&j->changed, &j->lock);
		if (j->filled == j->emptied) {
			pthread_mutex_unlock(&j->lock);
			break;
		}
		pthread_mutex_unlock(&j->lock);
		EVP_DigestUpdate(md, j->slots[j->emptied % SLOTS], j->len[j->emptied % SLOTS]);
		pthread_mutex_lock(&j->lock);
		j->emptied++;
		pthread_cond_broadcast(&j->changed);
		pthread_mutex_unlock(&j->lock);
	}
	EVP_DigestFinal_ex(md, j->digest, NULL);
	EVP_MD_CTX_free(md);
	return NULL;
}

static void put(struct job *j, size_t len)
{
	j->len[j->filled % SLOTS] = len;
	pthread_mutex_lock(&j->lock);
	j->filled++;
	pthread_cond_broadcast(&j->changed);
	while (j->filled - j->emptied == SLOTS)
		pthread_cond_wait(&j->changed, &j->lock);
	pthread_mutex_unlock(&j->lock);
}

static void inflate_file(struct job *j, unsigned char *data, size_t size)
{
	struct inflate_state *state = malloc(sizeof(*state));
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned char sum[32];
	size_t at = 0;

	EVP_DigestInit_ex(md, EVP_sha256(), NULL);
	isal_inflate_init(state);
	state->crc_flag = ISAL_GZIP;
	while (state->block_state != ISAL_BLOCK_FINISH) {
		size_t chunk = size - at < SLOT ? size - at : SLOT;

		if (!state->avail_in) {
			EVP_DigestUpdate(md, data + at, chunk);
			state->next_in = data + at;
			state->avail_in = (uint32_t)chunk;
			at += chunk;
		}
		state->next_out = j->slots[j->filled % SLOTS];
		state->avail_out = SLOT;
		if (isal_inflate(state) != ISAL_DECOMP_OK)
			die(j->path);
		if (state->avail_out < SLOT)
			put(j, SLOT - state->avail_out);
	}
	EVP_DigestFinal_ex(md, sum, NULL);
	EVP_MD_CTX_free(md);
	free(state);
}

static void *work(void *arg)
{
	struct job *j = calloc(1, sizeof(*j));
	int i;

	(void)arg;

	while ((i = atomic_fetch_add(&next, 1)) < n_paths) {
		int fd = open(paths[i], O_RDONLY | O_CLOEXEC);
		struct stat st;
		pthread_t hasher;
		void *data;

		if (fd < 0 || fstat(fd, &st) < 0)
			die(paths[i]);
		data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (data == MAP_FAILED)
			die(paths[i]);
		*j = (struct job){ .path = paths[i] };
		pthread_mutex_init(&j->lock, NULL);
		pthread_cond_init(&j->changed, NULL);
		pthread_create(&hasher, NULL, hash_slots, j);
		inflate_file(j, data, (size_t)st.st_size);
		pthread_mutex_lock(&j->lock);
		j->ended = 1;
		pthread_cond_broadcast(&j->changed);
		pthread_mutex_unlock(&j->lock);
		pthread_join(hasher, NULL);
		memcpy(digests[i], j->digest, sizeof(j->digest));
		munmap(data, (size_t)st.st_size);
		close(fd);
	}
	free(j);
	return NULL;
}

int main(int argc, char **argv)
{
	const char *most = getenv("THREADS");
	long n = most ? strtol(most, NULL, 10) : sysconf(_SC_NPROCESSORS_ONLN);
	pthread_t threads[FILES];

	if (argc < 2 || argc > FILES)
		return 1;
	paths = argv + 1;
	n_paths = argc - 1;
	n = n < n_paths ? n : n_paths;
	for (long i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, work, NULL))
			die("pthread_create");
	for (long i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < n_paths; i++) {
		for (size_t k = 0; k < sizeof(digests[i]); k++)
			printf("%02x", digests[i][k]);
		puts("");
	}
	return 0;
}
