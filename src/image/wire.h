#ifndef IMAGE_WIRE_H
#define IMAGE_WIRE_H
#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "spec/types.h"
/*
 * What rkt and rkt-fetch say to each other over a stream socket: JSON documents,
 * each after its length (4 bytes, big endian). rkt sends one request; rkt-fetch
 * answers with any number of "log" and "progress" and then one "image", "keys"
 * or "error", and exits. rkt treats every reply as hostile bytes.
 */
enum { WIRE_MAX = JSON_MAX_BYTES };

/*
 * Arguments of rkt-fetch, in this order. "as=UID:GID": root starts it as root, and it becomes that one before all else.
 * Had it become that one before it was executed, other processes of that user could trace it until it forbids that,
 * and say in its place whom an image was signed by.
 */
#define WIRE_ARG_AS "as="
/* Looking up hosts may ask local services; see fetch/box.h. */
#define WIRE_ARG_LOCAL_SERVICES "local-services"

/* What a reply may hold at most; one that holds more makes no sense. */
enum { WIRE_VALIDATOR_MAX = 1024, WIRE_MAX_AGE_MAX = 86400 };
#define WIRE_LAYER_MAX ((int64_t)1 << 50)	/* bytes; as many as there may be layers can be added up */

/* Descriptors of rkt-fetch beside 0, 1, 2; /dev/null where a request needs none. */
enum {
	WIRE_FD_CONTROL = 3,	/* the socket */
	WIRE_FD_DOWNLOAD,	/* a file without a name, to read and write: the archive as it came */
	WIRE_FD_STREAM,		/* pipe: the uncompressed archive */
	WIRE_FD_IMAGE,		/* "file", "kind", "archive": the image */
	WIRE_FD_SIGNATURE,	/* has_signature: read instead of what the source offers */
	WIRE_FD_KEYS,		/* "keys": one per location that is a file, in order */
};
enum { WIRE_KEY_FILES_MAX = 32 };

/* A key that may sign this image. */
struct wire_trusted { char *fingerprint, *armor; };

/* For one domain: a header's value, or what each request is signed with. */
struct wire_credential {
	char *domain;			/* host or host:port, exactly as URLs have it */
	char *authorization;
	char *aws_key_id, *aws_secret, *aws_region;	/* no region: by the host */
	char *identity_token;		/* of a registry: what its token server takes in place of a password */
};

struct wire_location {
	char *name;			/* path or URL, for messages and to fetch from */
	bool file;			/* an fd of WIRE_FD_KEYS on */
};

/* An OCI image: where it is asked for. The rest of a request is as for others. */
struct wire_oci {
	char *registry;			/* host[:port] that the reference names */
	char **mirrors;			/* URLs "https://host[:port][/prefix]" to ask before it, in order */
	char *repository, *tag, *digest;	/* tag or digest, or both (then the tag is words only) */
	char *os, *arch;		/* appc's words */
	struct wire_trusted *cosign_keys; size_t n_cosign_keys;	/* fingerprint "cosign-…", armor the PEM */
	bool accepted;			/* the policy takes this name unsigned */
	bool unproven;			/* but whoever answers may not be the registry: then it does not */
};

struct wire_request {
	/* "name", "url", "file", "keys", "kind"; "registry", "layout" (files on request), "archive" (WIRE_FD_IMAGE) */
	char *action;
	char *name;			/* "name": of the image; "keys": the prefix to discover */
	struct label *labels; size_t n_labels;	/* for templates, defaults added */
	char *url;			/* "url" */
	char *path;			/* "file": for messages */
	bool has_signature;
	bool named_signature;		/* of OCI images: somebody named that file, so nothing else is to vouch for it */
	struct wire_trusted *trusted; size_t n_trusted;
	struct wire_location *locations; size_t n_locations;	/* "keys": none: discover */
	struct wire_credential *credentials; size_t n_credentials;
	struct wire_oci oci;
	char *etag, *last_modified;	/* "url", "name": of the stored image, to be asked for only if it changed */
	char *if_url;			/* the URL that those are of */
	char *part_url, *part_version;	/* what WIRE_FD_DOWNLOAD holds a part of; see store/partial.h */
	bool skip_signature, skip_tls, allow_http, pubkey_http;
	bool debug;			/* send "log" at all */
	char *limits;			/* as limits_hand_on() gives them; NULL: the defaults */
};

struct wire_key {
	char *location, *armor, *fingerprint;
	char **subkeys, **identities;
};

/* A layer of an OCI image. */
struct wire_layer {
	char *digest, *diff_id;
	int64_t size;
};

/*
 * After "manifest" rkt says which layers it wants, one command each, with two descriptors: a file to download
 * into (what it holds already is gone on with) and a pipe for the uncompressed layer. Several may be under way.
 * In between rkt-fetch may ask for a file of a layout ("open"), to be answered by "file" with a descriptor or
 * by "missing". "done" ends it.
 */
struct wire_command {
	char *action;			/* "layer", "file", "missing", "done"; "version": go on with a download */
	int64_t index;			/* "layer" */
};

struct wire_reply {
	/*
	 * "log", "progress", "image", "keys", "kind", "error"; "unchanged": the stored image is current (etag …, max_age);
	 * "version": the download is from now on of this version of source (rkt notes it, empties the file if it held
	 * another, and answers with a command "version");
	 * "manifest", "open", "layer".
	 */
	char *kind;
	char *text;			/* log; kind: one of image/kind.h */
	char *label;			/* progress: "Downloading ACI" */
	int64_t done, total;		/* progress; total 0: unknown */
	char *source;			/* image, version, unchanged: the URL; image of a file: its path */
	char *fingerprint;		/* image: primary key that signed it, absent: not verified */
	char **identities;		/* image: of that key */
	struct wire_key *keys; size_t n_keys;
	char *version;			/* version: see http_answer; NULL: nothing names it */
	char *etag, *last_modified;	/* image, unchanged */
	int64_t max_age;		/* image, unchanged: seconds */
	char *manifest, *config, *appc;	/* manifest: the two documents, and the image in appc's words */
	char *digest, *config_digest;	/* manifest: of the two documents */
	struct wire_layer *layers; size_t n_layers;	/* manifest: lowest first */
	char *path;			/* open: below the layout */
	int64_t index;			/* layer: that one is in the pipe, whole */
	int64_t code;			/* error: negative, as in base/err.h */
	char **chain;			/* error */
};

/* Each sends or takes one whole message. -EPIPE: the other end is gone. -EBADMSG: not what was agreed. */
int wire_send_request(int fd, const struct wire_request *r);
int wire_recv_request(int fd, struct wire_request *ret, struct err *err);
int wire_send_reply(int fd, const struct wire_reply *r);
int wire_recv_reply(int fd, struct wire_reply *ret, struct err *err);

/*
 * n_fds descriptors go along, which stay the sender's: two with "layer" (file, pipe), one with "file", none with the
 * others. Received ones are the receiver's, close-on-exec; those that did not come are -1, after a failure all are.
 */
enum { WIRE_COMMAND_FDS = 2 };
int wire_send_command(int fd, const struct wire_command *c, const int *fds, size_t n_fds);
int wire_recv_command(int fd, struct wire_command *ret, int ret_fds[WIRE_COMMAND_FDS], struct err *err);
void wire_command_clear(struct wire_command *c);
static inline void wire_command_clear_auto(struct wire_command *c) { wire_command_clear(c); }

/* Is it a kind that was agreed, with what belongs to it? For wire_recv_reply() and its tests. */
int wire_reply_check(const struct wire_reply *r, struct err *err);

/*
 * May this be told as etag or last_modified? What a server says beyond that is as good as nothing said: printable
 * ASCII, 1 to WIRE_VALIDATOR_MAX bytes.
 */
bool wire_validator_valid(const char *s);

/* The credentials alone, of a request whose other members are borrowed. */
void wire_credentials_clear(struct wire_request *r);
void wire_request_clear(struct wire_request *r);
static inline void wire_request_clear_auto(struct wire_request *r) { wire_request_clear(r); }
void wire_reply_clear(struct wire_reply *r);
static inline void wire_reply_clear_auto(struct wire_reply *r) { wire_reply_clear(r); }
#endif
