#ifndef DOCKER2ACI_GZIP_H
#define DOCKER2ACI_GZIP_H
#include "base/err.h"

/* Compresses in_fd, from its start to its end, into out_fd. The same bytes give the same file. */
int gzip_file(int in_fd, int out_fd, struct err *err);
#endif
