/*
 * mounts PLAIN-DIR DATA-DIR TREE ROUNDS: what an overlay over a plain directory costs to mount, and what one over
 * a rendered image does, its index included. Prints both medians in microseconds. In a private mount namespace.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "base/fd.h"
#include "os/mount.h"
#include "store/store.h"

enum { ROUNDS_MAX = 10000 };

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int open_dir(const char *path)
{
	int fd = -1;

	(void)mkdir(path, 0755);
	if (dir_open(AT_FDCWD, path, &fd) < 0) {
		perror(path);
		exit(1);
	}
	return fd;
}

static void check(int r, struct err *err)
{
	AUTO(free) char *text = NULL;

	if (r >= 0)
		return;
	text = err_text(err);
	fprintf(stderr, "mounts: %s\n", text);
	exit(1);
}

/* tree_fd -1: over plain_fd. The upper directory is used once only, as a pod's is. */
static double once(int plain_fd, int tree_fd)
{
	AUTO(close) int upper = open_dir("upper"), work = open_dir("work"), target = open_dir("lower"), lower = -1, overlay = -1;
	struct err err = {};
	double start = now(), took;

	if (tree_fd >= 0)
		check(store_mount_tree(tree_fd, target, &lower, &err), &err);
	check(mount_overlay(tree_fd >= 0 ? lower : plain_fd, upper, work, 0, &overlay, &err), &err);
	took = now() - start;
	close(TAKE_FD(overlay));
	close(TAKE_FD(lower));
	(void)mount_detach("lower");
	(void)tree_remove(AT_FDCWD, "upper");
	(void)tree_remove(AT_FDCWD, "work");
	return took;
}

int main(int argc, char **argv)
{
	static double plain[ROUNDS_MAX], tree[ROUNDS_MAX];
	AUTO(store_close) struct store *store = NULL;
	struct err err = {};
	int rounds = argc == 5 ? atoi(argv[4]) : 0, tree_fd = -1, plain_fd;

	if (rounds < 1 || rounds > ROUNDS_MAX)
		return 1;
	check(mount_namespace_new(&err), &err);
	plain_fd = open_dir(argv[1]);
	check(store_open(argv[2], STORE_READ, &store, &err), &err);
	check(store_open_tree(store, argv[3], &tree_fd, &err), &err);
	for (int i = 0; i < rounds; i++) {
		plain[i] = once(plain_fd, -1);
		tree[i] = once(-1, tree_fd);
	}
	qsort(plain, (size_t)rounds, sizeof(*plain), by_size);
	qsort(tree, (size_t)rounds, sizeof(*tree), by_size);
	printf("overlay over a directory: %.0f us; over the image: %.0f us; difference %.0f us\n", plain[rounds / 2],
	       tree[rounds / 2], tree[rounds / 2] - plain[rounds / 2]);
	return 0;
}
