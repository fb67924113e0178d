#ifndef STORE_BLOB_H
#define STORE_BLOB_H
#include "store/temp.h"
/*
 * Which bytes may be believed to be those of their key. The group rkt may
 * rename files among blobs, so neither a blob's name nor its owner says it:
 * only that rkt-unpack hashed it while this store was open (struct known_blob).
 */

/* NULL: nobody hashed it yet, or another file is there meanwhile. */
const struct known_blob *blob_known(const struct store *s, const char *key);

/* Are the bytes those of key, and (not NULL) is their SHA-512 id? rkt-unpack hashes them. -ERR_BAD_INPUT: no. */
int blob_check_bytes(int unpack_exe_fd, const char *key, const char *id, const void *data, size_t len,
		     struct err *err);
int blob_check_file(int unpack_exe_fd, const char *key, const char *id, int fd, struct err *err);

/*
 * Publishes what rkt-unpack hashed and what is on disk. What is there already is replaced, since it may have rotted;
 * but one that trees are linked to stays if it did not, or it would be on disk twice. From here on the file is open
 * only to be read, as sealing it asks for: t is gone. id: all of its SHA-512, NULL: was not made.
 */
int blob_publish(struct store *s, int unpack_exe_fd, struct temp_file *t, const char *key, const char *id,
		 struct err *err);

/*
 * Opens a blob that nobody but us and root can change any more, so that it can be linked to and read twice; one that is not such is copied,
 * hashed and replaced. *ret_hashed: its bytes are known to be the key's; otherwise that is to be found out.
 */
int blob_open_ours(struct store *s, int unpack_exe_fd, const char *key, int *ret_fd, bool *ret_hashed,
		   struct err *err);

/* store_read_key(), id as above. */
int blob_read_text(struct store *s, int unpack_exe_fd, const char *key, const char *id, size_t max, char **ret,
		   size_t *ret_len, struct err *err);
#endif
