#ifndef SPEC_OCI_H
#define SPEC_OCI_H
#include "spec/image.h"
/*
 * The documents of the OCI image specification 1.1 and of Docker's schema 2:
 * read, held against the rules, and told in appc's words. A document whose
 * kind is ambiguous (CVE-2021-41190) and Docker's schema 1 are refused.
 *
 * A digest is "sha256:" and 64, or "sha512:" and 128 lower-case hex digits,
 * checked before it is used for anything (security.md F6). How large a document may be and how many layers it may
 * have is in spec/limits.h.
 */
enum { OCI_INDEX_MAX = 10000 };

#define OCI_TYPE_INDEX		"application/vnd.oci.image.index.v1+json"
#define OCI_TYPE_MANIFEST	"application/vnd.oci.image.manifest.v1+json"
#define OCI_TYPE_CONFIG		"application/vnd.oci.image.config.v1+json"
#define OCI_TYPE_LAYER		"application/vnd.oci.image.layer.v1.tar"
#define DOCKER_TYPE_LIST	"application/vnd.docker.distribution.manifest.list.v2+json"
#define DOCKER_TYPE_MANIFEST	"application/vnd.docker.distribution.manifest.v2+json"
#define DOCKER_TYPE_CONFIG	"application/vnd.docker.container.image.v1+json"

/* What a client takes, for the header Accept. */
#define OCI_ACCEPT OCI_TYPE_INDEX ", " OCI_TYPE_MANIFEST ", " DOCKER_TYPE_LIST ", " DOCKER_TYPE_MANIFEST

struct oci_platform { char *architecture, *os, *variant; };

struct oci_descriptor {
	char *media_type, *digest;		/* media_type is NULL only of a configuration */
	char *artifact_type;			/* of an index's entry that is no image; NULL: not told */
	int64_t size;
	char **urls;				/* where a non-distributable layer lies besides; never asked */
	struct label *annotations; size_t n_annotations;	/* in the document's order */
	struct oci_platform platform;		/* of an index's entry; members are NULL where it has none */
};

enum oci_kind { OCI_KIND_INDEX, OCI_KIND_MANIFEST };

/* An index or a manifest. */
struct oci_document {
	enum oci_kind kind;
	char *media_type;			/* what it says of itself; NULL: nothing */
	struct oci_descriptor config;		/* of a manifest */
	struct oci_descriptor *list; size_t n;	/* manifests of an index, layers of a manifest (lowest first) */
};

bool oci_digest_valid(const char *digest);

/*
 * "sha256-HEX" of "sha256:HEX": what a blob is called in the store. A sha512 digest gives its first
 * IMAGE_KEY_LEN bytes. The caller frees it.
 */
char *oci_digest_key(const char *digest);

/* "sha256-HEX" and the ending: the tag that stands for what a registry has about "sha256:HEX". The caller frees it. */
char *oci_digest_tag(const char *digest, const char *ending);

/*
 * content_type: what the server or the descriptor said, NULL: nothing; parameters behind a ";" do not count. It
 * must agree with the document. Layers may be of any media type here: signatures and other things that are no
 * images come as manifests too.
 */
int oci_document_read(const char *text, size_t len, const char *content_type, struct oci_document *ret,
		      struct err *err);
void oci_document_clear(struct oci_document *d);
static inline void oci_document_clear_auto(struct oci_document *d) { oci_document_clear(d); }

/*
 * Is the manifest that of an image: a configuration, and layers that can be unpacked? A configuration whose media type
 * says nothing passes where there are such layers: tools of old wrote it so. Then oci_config_is_typed() is false, and
 * what tells whether it is an image is oci_config_read().
 */
int oci_manifest_check(const struct oci_document *manifest, struct err *err);
bool oci_config_is_typed(const struct oci_document *manifest);

/* How a layer's bytes are packed: "tar", "gzip", "zstd"; NULL: no layer that can be unpacked. */
const char *oci_layer_format(const char *media_type);

/*
 * The entry for this os and arch (appc's names: "linux", "amd64", "aarch64" …): the variant nearest to the
 * machine's, else the only entry that has no platform. It may be an index again. -ERR_NOT_FOUND lists what there is.
 */
int oci_index_choose(const struct oci_document *index, const char *os, const char *arch,
		     const struct oci_descriptor **ret, struct err *err);

struct oci_config {
	char *architecture, *os, *variant, *created, *author;
	char **diff_ids;			/* digests of the uncompressed layers, lowest first */
	char **entrypoint, **cmd, **env;
	char *user, *working_dir, *stop_signal;
	char **exposed_ports, **volumes;	/* keys of the objects, sorted */
	struct label *labels; size_t n_labels;
	char *healthcheck, *shell;		/* as JSON text; NULL: none */
};

/*
 * *ret is the caller's, for oci_config_clear(). -ERR_BAD_INPUT: it is none, or what is in it has another form.
 * -E2BIG: it is larger, or has more layers, than the limits allow.
 */
int oci_config_read(const char *text, size_t len, struct oci_config *ret, struct err *err);

/* Has the configuration as many diff IDs as the manifest has layers, and one for each file? -ERR_BAD_INPUT: no. */
int oci_config_check(const struct oci_config *config, const struct oci_document *manifest, struct err *err);
void oci_config_clear(struct oci_config *c);
static inline void oci_config_clear_auto(struct oci_config *c) { oci_config_clear(c); }

/* What is not in the configuration: where the image came from. Any may be NULL. */
struct oci_origin {
	const char *name;		/* the appc name it shall have; NULL: by registry and repository, or the digest */
	const char *version;		/* the tag */
	const char *registry, *repository, *tag, *manifest_digest, *config_digest, *reference;
};

/*
 * The image manifest of appc that says the same (inventory 10.4), ready to be
 * written with image_manifest_fields. What appc has no member for goes into
 * annotations "appc.io/docker/…": stopsignal, healthcheck, shell, and as "env"
 * the variables whose names appc does not allow. Labels become user labels,
 * but for those that speak to an engine ("io.kubernetes.…"): an image does not
 * give orders. The whole configuration stays in the store beside it.
 * -ERR_BAD_INPUT: it cannot be said (a volume outside the root, no such user form …).
 */
int oci_to_appc(const struct oci_config *config, const struct oci_origin *origin, struct image_manifest *ret,
		struct err *err);

/*
 * An appc name for what is called so: lower case, what appc does not allow as "_". Several texts have the same one, so
 * what a registry vouches for is named by registry_appc_name() (spec/registry.h). NULL: nothing is left of it. The
 * caller frees it.
 */
char *oci_appc_name(const char *text);

/* "amd64" → "amd64", "arm64" → "aarch64", "arm" with variant "v7" → "armv7l" …; NULL: appc has no word. */
const char *oci_arch_to_appc(const char *architecture, const char *variant);
#endif
