#ifndef STORE_EXTRACT_H
#define STORE_EXTRACT_H
#include "store/tarread.h"
/*
 * Turns members into files below one directory. The one extractor.
 *
 * Every path is resolved by the kernel beneath that directory and through no
 * symlink: a member that lies below a symlink made earlier is refused. What is
 * there already is replaced, unless both are directories. Links are data.
 * Owners are set when root does it. Directories get their modes and times at
 * the end, deepest first.
 */
struct extract;

/* root_fd becomes the rootfs; it stays the caller's and must be an existing empty directory. */
int extract_open(int root_fd, struct extract **ret, struct err *err);
void extract_free(struct extract *x);
DEFINE_AUTO(struct extract *, extract_free)

/* The sink that makes the files. */
struct tar_sink extract_sink(struct extract *x);

/* Sets what waited for the end. Without it directories are private and of now. */
int extract_finish(struct extract *x, struct err *err);
#endif
