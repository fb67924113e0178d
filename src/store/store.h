#ifndef STORE_STORE_H
#define STORE_STORE_H
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "spec/image.h"
/*
 * Images on disk. Below the data directory:
 *
 *   cas/blob/sha512/XX/KEY           an ACI as an uncompressed tar
 *   cas/blob/sha256/XX/KEY           a layer of an OCI image as an uncompressed tar, or a document of one
 *   cas/imageManifest/sha512/XX/KEY  the image's manifest in appc's words
 *   cas/image/KEY                    what is known of it (one JSON file; mtime: last used)
 *   vouched/KEY, vouched/KEY.manifest  the same and its manifest, as root found them who added it (store/vouch.h)
 *   cas/name/NAME/KEY                link to it by name, "/" of the name written as ","
 *   cas/tree/deps-KEY/               its files, ready to be a lower layer: either "rootfs", or "index" (an EROFS
 *                                    image of names and metadata, store/erofs.h), "layers" (keys of the blobs, in
 *                                    the order of the index's devices, one a line) and links 0, 1, … to those blobs;
 *                                    manifest; image (whose it is); rendered (it is whole); work.* is being made
 *                                    or removed; old.*.deps-KEY was replaced while a pod may have stood on it
 *   cas/tmp/                         work in progress; every entry is flocked by whoever works on it
 *   cas/tmp/part-UID/                downloads to go on with (store/partial.h), of one user and that one's alone
 *   cas/lock                         flock: shared while using or adding images, exclusive to remove
 *
 * An image ID is the SHA-512 of the ACI's tar, or of the OCI manifest's bytes; KEY is its first 64 hex digits
 * (IMAGE_KEY_LEN). A layer's KEY is "sha256-" and all digits of its diff ID. An image is there when cas/image/KEY is: that file is written last and removed first, so
 * after a crash an image is whole or absent. What a crash leaves besides is
 * removed by store_sweep().
 *
 * Directories are made as needed, with the modes of inventory 4.7 (root:rkt
 * where the group exists); trees lie below a 0700 directory of root's, so that
 * no setuid file of an image is within reach of a local user. The group rkt may
 * add and remove images, but not vouch for one to others: what is said below cas
 * counts only for the user who said it there, what root says in vouched for
 * everybody. Root speaks last when an image is added, and is silent first when
 * it is removed.
 */
struct store;

enum store_mode {
	STORE_READ,		/* no directory is made; an empty store is fine */
	STORE_WRITE,
};
/* data_dir is the data directory (--dir). Nothing is locked. */
int store_open(const char *data_dir, enum store_mode mode, struct store **ret, struct err *err);
void store_close(struct store *s);
DEFINE_AUTO(struct store *, store_close)

/*
 * Keeps images and their trees from being removed until the store is closed
 * (shared flock). Needed from choosing an image until a pod directory names its
 * tree. Waiting is announced on stderr and interruptible.
 */
int store_use(struct store *s, struct err *err);

/*
 * Has the store alone: what is chosen to be removed stays unused until it is. In
 * place of our own shared lock if we have it, which store_unlock_exclusive()
 * brings back. What takes this lock itself may be called in between.
 * store_try_exclusive() does not wait: -EWOULDBLOCK when others, or we
 * ourselves, use the store.
 */
int store_lock_exclusive(struct store *s, struct err *err);
int store_try_exclusive(struct store *s, struct err *err);
void store_unlock_exclusive(struct store *s);

/* A further name of an image, and what is known of the image by that: as in struct image_info. */
struct image_name {
	char *name;
	struct label *labels; size_t n_labels;
	int64_t import_time;
	bool latest, vouched, hearsay;
	char *verified_by, *source, *etag, *last_modified;
	int64_t max_age, checked;
};

/* What is known of one image, by one of its names. Strings are owned. */
struct image_info {
	char *id;			/* all 128 digits */
	char *name;
	struct label *labels; size_t n_labels;
	int64_t import_time;		/* ns since the epoch */
	int64_t last_used;		/* likewise; 0 on reading from JSON, taken from mtime */
	int64_t size, tree_size;	/* bytes of its blobs and of the tree's files */
	int64_t disk_size;		/* see store_measure(); 0: was not asked */
	char *tree;			/* "deps-sha512-…", NULL: not rendered yet */
	bool latest;			/* fetched without asking for a version */
	bool depends;			/* its manifest names dependencies */
	int64_t download_size;		/* bytes of the file it came as; 0: unknown */
	/*
	 * Who vouched for it when it was fetched: an OpenPGP fingerprint (40 lower-case hex), "cosign-" and 64 hex,
	 * or "accepted" (an OCI image that nobody signed, of a name for which that is accepted). NULL: nobody.
	 */
	char *verified_by;
	bool vouched;			/* all this is root's word, or the caller's own */
	bool hearsay;			/* another user who is not root says that it was verified: nobody, to us */
	char *format;			/* "oci"; NULL: an ACI */
	char *digest;			/* of the OCI manifest, "sha256:…" */
	char *config_digest;		/* of the OCI configuration, likewise */
	char **layers;			/* keys of an OCI image's blobs, lowest first */
	char *etag, *last_modified;	/* what the server said of it, for the next conditional request */
	int64_t max_age, checked;	/* seconds it may be used unasked, and since when (ns); 0: ask */
	char *source;			/* URL or path it came from, NULL: unknown */
	struct image_name *others; size_t n_others;	/* what else it is called: an OCI image may have many tags */
};
void image_info_clear(struct image_info *i);
static inline void image_info_clear_auto(struct image_info *i) { image_info_clear(i); }
void image_infos_free(struct image_info *list, size_t n);

/*
 * By full ID or unambiguous prefix, or by that of an OCI manifest's digest ("sha256:…", also written "sha256-…").
 * -ERR_NOT_FOUND, -ERR_AMBIGUOUS, -ERR_BAD_INPUT (no hash, or
 * too short).
 */
int store_find_id(struct store *s, const char *prefix, struct image_info *ret, struct err *err);

/*
 * By name: every given label must match. Without a version the one fetched as
 * latest counts first, then the newest import. accept(), where given, is asked
 * of each candidate in that order (who verified it: D1), and the first that it
 * takes is the answer. -ERR_NOT_FOUND.
 */
int store_find_name(struct store *s, const char *name, const struct label *labels, size_t n_labels,
		    bool (*accept)(void *arg, const struct image_info *), void *arg,
		    struct image_info *ret, struct err *err);

/* By the same ID, the names that the image has, info's first; for image_infos_free(). */
void store_names(const struct image_info *info, struct image_info **ret, size_t *ret_n);

/* Is that how the store takes it: for a hash rather than a name? */
bool store_is_hash(const char *text);

/* By a command line's words, hash or name, as the image commands take them (inventory 1.5). */
int store_find(struct store *s, const char *text, struct image_info *ret, struct err *err);

/* All images, each once, unordered. What cannot be read is counted in *ret_bad and skipped. */
int store_list(struct store *s, struct image_info **ret, size_t *ret_n, size_t *ret_bad, struct err *err);

/*
 * The same, but an image comes once for each of its names, one after the other, and *ret_bad says why each of those
 * could not be read: a strv.
 */
int store_list_all(struct store *s, struct image_info **ret, size_t *ret_n, char ***ret_bad, struct err *err);

/*
 * Fills in disk_size of images that are all there are, as store_list_all() gave them: what each takes on disk, what
 * several names or images consist of in equal parts, so that they add up to what is taken.
 */
void store_measure(struct store *s, struct image_info *list, size_t n);

/* In root's words where root vouches for it. -ERR_BAD_INPUT: there is only one of another user's, or it makes no sense. */
int store_read_manifest(struct store *s, const struct image_info *i, struct image_manifest *ret, struct err *err);
int store_read_manifest_text(struct store *s, const struct image_info *i, char **ret, struct err *err);
int store_open_blob(struct store *s, const struct image_info *i, int *ret_fd, struct err *err);

/* Is what the file holds this ACI? A blob may have rotted, and whoever gets a copy has nothing to compare with. */
int store_check_blob(int unpack_exe_fd, const struct image_info *info, int fd, struct err *err);

/*
 * Root reads for itself what an ACI is that somebody else added, and vouches for that from then on: name, labels and
 * manifest, not that anybody signed it. Fills info. Nothing to do for what root vouches for already, nor for an OCI
 * image, whose documents are read whenever it is rendered. -ERR_BAD_INPUT: the archive is another's.
 */
int store_vouch(struct store *s, int unpack_exe_fd, struct image_info *info, struct err *err);

/*
 * Is the image that of the OCI manifest whose digest it is said to have? Root knows without looking what it vouches
 * for. -ERR_BAD_INPUT: it is not. -ERR_NOT_FOUND: there is no such manifest.
 */
int store_check_digest(struct store *s, int unpack_exe_fd, const struct image_info *i, struct err *err);

/* A file without a name below cas/tmp to download into: gone when it is closed. */
int store_temp_file(struct store *s, int *ret_fd, struct err *err);

/* Notes that the image was used now. Failure is not one. */
void store_touch(struct store *s, const struct image_info *i);


/*
 * Notes etag, last_modified, max_age and checked of an image of which the server says that it has not changed. Only
 * who vouches for it can: facts that somebody else writes say nothing of who signed it. Failure is not one.
 */
void store_note_unchanged(struct store *s, const struct image_info *i);

/*
 * The tree that a layer became: cas/tree/TREE as an fd. -ERR_NOT_FOUND: not
 * there (rendered by nobody yet, or removed). tree is checked to be such a name.
 */
int store_open_tree(struct store *s, const char *tree, int *ret_fd, struct err *err);

/*
 * The tree of this very image: a directory of "manifest" and "rootfs". What is
 * known of an image may be the word of a member of group rkt; whose a tree is,
 * only root said. -ERR_NOT_FOUND: it has none. -ERR_BAD_INPUT: the tree that it
 * names is another image's.
 */
int store_open_image_tree(struct store *s, const struct image_info *i, int *ret_fd, struct err *err);

/*
 * Adding an image. The archive goes as a stream to the program rkt-unpack
 * (store/unpack.h), which fills the blob and the tree and says what they are.
 * Nothing is visible until import_commit(); import_free() of an uncommitted
 * import leaves nothing behind, nor does a crash that a sweep cannot find.
 */
struct import;
struct import_result {			/* what rkt-unpack found; owned by the import */
	const char *id;
	int64_t size, tree_size;
	const char *manifest;		/* bytes of the member "manifest" */
	size_t manifest_len;
};
/* unpack_exe_fd: rkt-unpack, opened. with_tree: also unpack (needs root). *ret_stream_fd: the archive's
 * uncompressed bytes are to be written there (a pipe; the caller's to close, which ends the archive). */
int import_start(struct store *s, int unpack_exe_fd, bool with_tree, struct import **ret, int *ret_stream_fd,
		 struct err *err);

/* Waits for rkt-unpack. The caller closed the stream before. */
int import_finish(struct import *i, struct import_result *ret, struct err *err);

/*
 * Makes it visible and durable. info carries what the caller knows (source,
 * latest, verified_by, name and labels from the manifest); the rest is filled
 * in. Of an image that is already there the facts are renewed (and verified_by
 * is kept when the new import has none).
 */
int import_commit(struct import *i, struct image_info *info, struct err *err);
void import_free(struct import *i);
DEFINE_AUTO(struct import *, import_free)

/*
 * A blob of an OCI image on its way into the store: what is written to the stream is hashed and kept by
 * rkt-unpack. Nothing is visible until blob_add_commit(), which publishes it under key. Blobs that no image
 * names go with a sweep, but not while the store that added them is open.
 */
struct blob_add;
struct blob_digests {			/* "sha256-…", "sha512-…"; "": was not asked for */
	char sha256[7 + 64 + 1], sha512[7 + 128 + 1];
	int64_t size;
};
/* key: what it must turn out to be, of which only that hash is made; NULL: both are told. */
int blob_add_start(struct store *s, int unpack_exe_fd, const char *key, struct blob_add **ret, int *ret_stream_fd,
		   struct err *err);
/* Waits for rkt-unpack; the caller closed the stream before. -ERR_BAD_INPUT: it is not what key says. */
int blob_add_finish(struct blob_add *b, struct blob_digests *ret, struct err *err);
/* Lasting when this returns. -ERR_BAD_INPUT: the bytes have another hash than key says. */
int blob_add_commit(struct blob_add *b, const char *key, struct err *err);
void blob_add_free(struct blob_add *b);
DEFINE_AUTO(struct blob_add *, blob_add_free)

/* The same for bytes that are only to be hashed: nothing is kept, and there is no blob_add_commit(). */
int blob_hash_start(int unpack_exe_fd, const char *key, struct blob_add **ret, int *ret_stream_fd, struct err *err);

bool store_has_blob(struct store *s, const char *key);

/* Any blob by its key. -ERR_NOT_FOUND. */
int store_open_key(struct store *s, const char *key, int *ret_fd, struct err *err);

/* A small one as text: the very bytes that its key is of. -ERR_BAD_INPUT: those that are there are others. */
int store_read_key(struct store *s, int unpack_exe_fd, const char *key, size_t max, char **ret, size_t *ret_len,
		   struct err *err);

/* Is it what its name says? -ERR_BAD_INPUT: it is not. -ERR_NOT_FOUND. */
int store_check_key(struct store *s, int unpack_exe_fd, const char *key, struct err *err);

/*
 * Only who holds this lock adds the blob, so that 16 processes download a layer once: after getting it, ask
 * store_has_blob() again. Waiting is announced on stderr and interruptible; without wait: -EWOULDBLOCK. Two that
 * each wait for what the other holds wait forever, so wait only while holding none. The kernel lets go of the
 * lock of who dies.
 */
int store_lock_blob(struct store *s, const char *key, bool wait, int *ret_fd, struct err *err);
void store_unlock_blob(struct store *s, const char *key, int *fd);	/* -1: it was not locked */

/*
 * Makes an image of blobs that are there visible and durable: info->id, name, labels, format, digest,
 * config_digest and layers are the caller's; sizes and times are filled in. manifest is the appc manifest.
 * render: make its tree too (root only).
 */
int store_add_image(struct store *s, int unpack_exe_fd, struct image_info *info, const char *manifest,
		    bool render, struct err *err);

/* One archive of a tree. */
struct tree_layer {
	char *key;			/* of its blob */
	bool oci;			/* with whiteouts, without "rootfs/"; else an ACI */
	/*
	 * appc's pathWhitelist: which layers' paths count (the first is 1; 0: all do). Its own image's, and that of the
	 * outermost image above it that has one. Each list is there once, however many refer to it.
	 */
	char **paths;
	size_t whitelist, outer_whitelist;
};
void tree_layers_free(struct tree_layer *layers, size_t n);

/* As store_touch(), the ACIs that these are. */
void store_touch_layers(struct store *s, const struct tree_layer *layers, size_t n_layers);

/* How this machine keeps what it renders; asked once. */
enum tree_backend { TREE_FILES, TREE_EROFS_LOOP, TREE_EROFS_FILE };
enum tree_backend store_backend(struct store *s);
const char *tree_backend_name(enum tree_backend b);	/* "tree", "erofs (loop)", "erofs (file)" */

/*
 * The files of a tree, as a directory to be a lower layer: its "rootfs", or its index mounted, read-only, without
 * setuid and devices. tree_fd is of store_open_tree(), opened in the mount namespace of the caller. A sealed tree
 * that is not what was sealed: -ERR_BAD_INPUT.
 */
enum {
	TREE_ATTACH = 1 << 0,		/* put the mount on the tree's "rootfs": in a namespace of the caller's alone */
	TREE_UNCHECKED = 1 << 1,	/* do not look at seals */
};
int store_mount_tree(int tree_fd, unsigned flags, int *ret_fd, struct err *err);

/* Does using it take a mount? *ret_sealed: of what cannot be changed unnoticed. */
bool store_tree_is_mounted(int tree_fd, bool *ret_sealed);

/* Whose it is: an image's key, which the caller frees. */
int store_tree_image(int tree_fd, char **ret, struct err *err);

/* Keys of the archives that it was made of: a strv. */
int store_tree_layers(int tree_fd, char ***ret, struct err *err);

/* Was it made of these archives? What an image depends on may have been fetched anew since. */
bool store_tree_is_of(int tree_fd, const struct tree_layer *layers, size_t n_layers);

/*
 * Renders the tree of an image, as this machine keeps them. Root only. Fills info->tree and tree_size. If info
 * names a tree already, that one is replaced (it was found damaged).
 * layers: its archives, the one that wins first (an ACI with its dependencies); NULL: the image's own.
 */
int store_render(struct store *s, int unpack_exe_fd, struct image_info *info, const struct tree_layer *layers,
		 size_t n_layers, struct err *err);
int store_render_as(struct store *s, int unpack_exe_fd, enum tree_backend backend, struct image_info *info,
		    const struct tree_layer *layers, size_t n_layers, struct err *err);

/*
 * Adds the files themselves to a tree that is an index: for a kernel that cannot mount it, or because files are
 * what all their users share in memory. From then on it is used so; whoever uses it already is not disturbed.
 */
int store_add_files(struct store *s, int unpack_exe_fd, struct image_info *info, const struct tree_layer *layers,
		    size_t n_layers, struct err *err);

/*
 * Unpacks an image into an existing empty directory that is the caller's: "manifest" and "rootfs", or only what is
 * below rootfs. layers as above.
 */
int store_extract(struct store *s, int unpack_exe_fd, const struct image_info *info, const struct tree_layer *layers,
		  size_t n_layers, int dir_fd, bool rootfs_only, struct err *err);

/*
 * Writes an OCI image to out_fd as an archive of an image layout: its layers as they are stored, its configuration
 * unchanged, and a manifest that says so. tag: what it is called in there, NULL: nothing. All is held against its
 * hash while it is written: -ERR_BAD_INPUT, and what was written is of no use. The same image gives the same bytes.
 */
int store_export_oci(struct store *s, int unpack_exe_fd, const struct image_info *info, const char *tag, int out_fd,
		     struct err *err);

/*
 * Re-reads the blobs against their hashes and, when there is one, the tree: an index against its hash, files
 * against the archives, by names, kinds, modes, owners, contents. -ERR_BAD_INPUT: they differ, and err says where.
 * *ret_had_tree may be NULL. Files are compared with ones unpacked for that, so there must be room. layers as above.
 */
int store_verify(struct store *s, int unpack_exe_fd, const struct image_info *info, const struct tree_layer *layers,
		 size_t n_layers, bool *ret_had_tree, struct err *err);

/* The tree alone, before it is used: all that its files are made of. */
int store_verify_tree(struct store *s, int unpack_exe_fd, const struct image_info *info,
		      const struct tree_layer *layers, size_t n_layers, int tree_fd, struct err *err);

/*
 * Removes an image. Its own tree goes too unless in_use(arg, tree) says that a pod
 * still stands on it; then *ret_left is set and the tree goes with a later
 * sweep. Takes the exclusive lock.
 */
int store_remove(struct store *s, const struct image_info *info, bool (*in_use)(void *arg, const char *tree),
		 void *arg, bool *ret_left, struct err *err);

/*
 * Takes away the name that info is by, if the image has others: 1. 0: it is the only one, and nothing was done. Takes
 * the exclusive lock. -ERR_NOT_FOUND: there is no such image, or it is not called so any more. -EPERM: root's to do.
 */
int store_remove_name(struct store *s, const struct image_info *info, struct err *err);

/* The same as store_remove(), but its blobs stay until the next sweep: for removing many. */
int store_forget(struct store *s, const struct image_info *info, bool (*in_use)(void *arg, const char *tree),
		 void *arg, bool *ret_left, struct err *err);

/* The names of all trees. -ERR_NOT_FOUND: there are none. -EACCES, -EPERM: they are not ours to look at. */
int store_list_trees(struct store *s, char ***ret, struct err *err);

/*
 * Removes a tree, which the caller knows to be unused. owner: the image that
 * names it, which then is not rendered; NULL: none does. If it is another
 * image's in truth, it stays. Takes the exclusive lock.
 */
int store_remove_tree(struct store *s, const char *tree, const struct image_info *owner, struct err *err);

/*
 * Removes what nobody can need: unlocked work in tmp, blobs, manifests and name
 * links without facts, trees that no image and no pod names. Takes the
 * exclusive lock if it is free, else does nothing.
 */
int store_sweep(struct store *s, bool (*in_use)(void *arg, const char *tree), void *arg, struct err *err);
#endif
