#include <string.h>

#include "base/buf.h"
#include "spec/oci.h"

/*
 * appc's names of architectures and Go's, which OCI uses. Variants: those whose programs such a machine runs,
 * the nearest first; the first is what the machine itself is called. A row is what Go's architecture is
 * without one of the variants that stand first if it is the last of that architecture.
 */
static const struct { const char *appc, *go, *variants[4]; } archs[] = {
	{ "amd64", "amd64", { "", "v1" } },
	{ "i386", "386", { "" } },
	{ "aarch64", "arm64", { "v8", "" } },
	{ "armv7l", "arm", { "v7", "", "v6", "v5" } },
	{ "armv6l", "arm", { "v6", "", "v5" } },
	{ "ppc64le", "ppc64le", { "" } },
	{ "ppc64", "ppc64", { "" } },
	{ "s390x", "s390x", { "" } },
};

const char *oci_arch_to_appc(const char *architecture, const char *variant)
{
	const char *found = NULL;

	for (size_t i = 0; i < ARRAY_LEN(archs); i++) {
		if (!str_eq(archs[i].go, architecture))
			continue;
		found = archs[i].appc;
		if (str_eq(archs[i].variants[0], variant ?: ""))
			break;
	}
	return found;
}

/* Signatures, attestations and the like stand in indexes beside the images that they are about. */
static bool is_image(const struct oci_descriptor *d)
{
	static const char *const types[] = {
		OCI_TYPE_INDEX, OCI_TYPE_MANIFEST, DOCKER_TYPE_LIST, DOCKER_TYPE_MANIFEST,
	};
	bool known = false;

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		known = known || str_eq(d->media_type, types[i]);
	return known && !str_eq(d->platform.os, "unknown") && !str_eq(d->platform.architecture, "unknown") &&
	       !label_get(d->annotations, d->n_annotations, "vnd.docker.reference.type");
}

static const struct oci_descriptor *find_platform(const struct oci_document *index, const char *os, const char *arch,
						  const char *variant)
{
	for (size_t i = 0; i < index->n; i++) {
		const struct oci_platform *p = &index->list[i].platform;

		if (is_image(&index->list[i]) && str_eq(p->os, os) && str_eq(p->architecture, arch) &&
		    str_eq(p->variant ?: "", variant))
			return &index->list[i];
	}
	return NULL;
}

/* The one entry that does not say what it is for. NULL: none, or several. */
static const struct oci_descriptor *find_only(const struct oci_document *index)
{
	const struct oci_descriptor *only = NULL;

	for (size_t i = 0; i < index->n; i++) {
		const struct oci_descriptor *d = &index->list[i];

		if (!is_image(d) || d->platform.os || d->platform.architecture)
			continue;
		if (only)
			return NULL;
		only = d;
	}
	return only;
}

static int tell_platforms(const struct oci_document *index, const char *os, const char *arch, struct err *err)
{
	AUTO(free) char *there = NULL;
	struct buf list = {};
	size_t n = 0;

	for (size_t i = 0; i < index->n && n < 20; i++) {
		const struct oci_platform *p = &index->list[i].platform;

		if (is_image(&index->list[i]) && p->os && p->architecture)
			buf_addf(&list, "%s%s/%s%s%s", n++ ? ", " : "", p->os, p->architecture, p->variant ? "/" : "",
				 p->variant ?: "");
	}
	there = buf_steal(&list);
	return err_set(err, -ERR_NOT_FOUND, "there is no image for %s/%s, but for: %s", os, arch, n ? there : "nothing");
}

int oci_index_choose(const struct oci_document *index, const char *os, const char *arch,
		     const struct oci_descriptor **ret, struct err *err)
{
	const struct oci_descriptor *found = NULL;

	for (size_t i = 0; i < ARRAY_LEN(archs) && !found; i++)
		for (size_t k = 0; k < ARRAY_LEN(archs[i].variants) && !found && str_eq(archs[i].appc, arch); k++)
			if (archs[i].variants[k])
				found = find_platform(index, os, archs[i].go, archs[i].variants[k]);
	if (!found)
		found = find_only(index);
	if (!found)
		return tell_platforms(index, os, arch, err);
	*ret = found;
	return 0;
}
