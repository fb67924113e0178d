#ifndef DOCKER2ACI_CONVERT_H
#define DOCKER2ACI_CONVERT_H
#include "image/fetch.h"
#include "spec/image.h"
#include "stage0/settings.h"
/*
 * docker2aci: an OCI or Docker image, from wherever rkt takes them, becomes one
 * ACI, or one for each of its layers. It is fetched as rkt does it, by rkt-fetch
 * into a store, which here is a directory that goes away again; rkt-unpack
 * puts the layers together. Digests are verified on the way, signatures are not:
 * an ACI has its own.
 */
struct convert {
	const struct reference *image;
	const char *libexec_dir;	/* where rkt-fetch and rkt-unpack are */
	const char *system_config, *local_config;
	const struct config *config;	/* that of these directories, whose credentials and mirrors are used; whose limits are in force */
	bool skip_tls, allow_http;
	bool layers;			/* one ACI for each layer, each depending on the one below */
	bool compress;
	const char *work_dir;		/* an empty directory of ours */
};

struct converted {
	struct image_manifest manifest;	/* of the image, or of its uppermost layer */
	char **files;			/* in the working directory, the lowest layer first */
};
void converted_clear(struct converted *c);
static inline void converted_clear_auto(struct converted *c) { converted_clear(c); }

/* Files of these names are replaced. After a failure some of the layers' may be there, each whole. */
int convert(const struct convert *c, struct converted *ret, struct err *err);

/*
 * "library-busybox-1.36.aci"; of a layer "library-busybox-1.36-linux-amd64-0.aci". layer below 0: of all. For
 * convert() and its tests.
 */
char *convert_file_name(const struct image_manifest *m, int layer);

/*
 * The manifest of one layer, from that of the image: the uppermost keeps its name and app, those below have the
 * layer's diff ID in their name. below_id: the ACI below, NULL: it is the lowest.
 */
void convert_layer_manifest(const struct image_manifest *image, char *const *layers, size_t i, const char *below_id,
			    struct image_manifest *ret);
#endif
