#ifndef STORE_ACI_WRITE_H
#define STORE_ACI_WRITE_H
#include "store/tarread.h"
/*
 * An ACI written as its files come: "manifest" and then "rootfs" and what is
 * below it, uncompressed. The same files give the same bytes. Holes are
 * written as zeros.
 */
struct aci_writer;

/* fd: an empty file or a pipe, the caller's. The manifest goes out first, as it is. */
int aci_writer_new(int fd, const char *manifest, struct aci_writer **ret, struct err *err);
void aci_writer_free(struct aci_writer *w);
DEFINE_AUTO(struct aci_writer *, aci_writer_free)

/* For tar_read() and merge_replay(). The first member has to be the root itself. */
struct tar_sink aci_writer_sink(struct aci_writer *w);

/* Writes what ends an archive. Without it there is none. */
int aci_writer_finish(struct aci_writer *w, struct err *err);
#endif
