#include "store/info.h"

#include <string.h>

#include "base/fd.h"
#include "spec/oci.h"

enum { NAMES_MAX = 256 };

#define AT(member) offsetof(struct image_name, member)
static const struct json_field name_fields[] = {
	{ "name", JSON_STRING, AT(name), JSON_REQUIRED },
	{ "labels", JSON_LIST, AT(labels), JSON_OMIT_EMPTY, label_fields, sizeof(struct label) },
	{ "importTime", JSON_INT, AT(import_time), JSON_REQUIRED },
	{ "latest", JSON_BOOL, AT(latest), JSON_OMIT_EMPTY },
	{ "verifiedBy", JSON_STRING, AT(verified_by), JSON_OMIT_EMPTY },
	{ "source", JSON_STRING, AT(source), JSON_OMIT_EMPTY },
	{ "etag", JSON_STRING, AT(etag), JSON_OMIT_EMPTY },
	{ "lastModified", JSON_STRING, AT(last_modified), JSON_OMIT_EMPTY },
	{ "maxAge", JSON_INT, AT(max_age), JSON_OMIT_EMPTY },
	{ "checked", JSON_INT, AT(checked), JSON_OMIT_EMPTY },
	{}
};
#undef AT

#define AT(member) offsetof(struct image_info, member)
static const struct json_field facts_fields[] = {
	{ "id", JSON_STRING, AT(id), JSON_REQUIRED },
	{ "name", JSON_STRING, AT(name), JSON_REQUIRED },
	{ "labels", JSON_LIST, AT(labels), JSON_OMIT_EMPTY, label_fields, sizeof(struct label) },
	{ "importTime", JSON_INT, AT(import_time), JSON_REQUIRED },
	{ "size", JSON_INT, AT(size), JSON_REQUIRED },
	{ "treeSize", JSON_INT, AT(tree_size), JSON_OMIT_EMPTY },
	{ "tree", JSON_STRING, AT(tree), JSON_OMIT_EMPTY },
	{ "latest", JSON_BOOL, AT(latest), JSON_OMIT_EMPTY },
	{ "depends", JSON_BOOL, AT(depends), JSON_OMIT_EMPTY },
	{ "downloadSize", JSON_INT, AT(download_size), JSON_OMIT_EMPTY },
	{ "verifiedBy", JSON_STRING, AT(verified_by), JSON_OMIT_EMPTY },
	{ "source", JSON_STRING, AT(source), JSON_OMIT_EMPTY },
	{ "format", JSON_STRING, AT(format), JSON_OMIT_EMPTY },
	{ "digest", JSON_STRING, AT(digest), JSON_OMIT_EMPTY },
	{ "configDigest", JSON_STRING, AT(config_digest), JSON_OMIT_EMPTY },
	{ "layers", JSON_STRV, AT(layers), JSON_OMIT_EMPTY },
	{ "etag", JSON_STRING, AT(etag), JSON_OMIT_EMPTY },
	{ "lastModified", JSON_STRING, AT(last_modified), JSON_OMIT_EMPTY },
	{ "maxAge", JSON_INT, AT(max_age), JSON_OMIT_EMPTY },
	{ "checked", JSON_INT, AT(checked), JSON_OMIT_EMPTY },
	{ "otherNames", JSON_LIST, AT(others), JSON_OMIT_EMPTY, name_fields, sizeof(struct image_name) },
	{}
};
#undef AT

void image_info_clear(struct image_info *i)
{
	json_clear(facts_fields, i);
	*i = (struct image_info){};
}

void image_infos_free(struct image_info *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		image_info_clear(&list[i]);
	free(list);
}

struct image_info image_info_copy(const struct image_info *info)
{
	struct image_info copy = {
		.last_used = info->last_used, .vouched = info->vouched, .hearsay = info->hearsay,
	};

	json_duplicate(facts_fields, info, &copy);
	for (size_t i = 0; i < info->n_others; i++) {
		copy.others[i].vouched = info->others[i].vouched;
		copy.others[i].hearsay = info->others[i].hearsay;
	}
	return copy;
}

/* --- names ----------------------------------------------------------------------- */

static struct image_name name_of(const struct image_info *i)
{
	return (struct image_name){
		.name = i->name, .labels = i->labels, .n_labels = i->n_labels, .import_time = i->import_time,
		.latest = i->latest, .vouched = i->vouched, .hearsay = i->hearsay, .verified_by = i->verified_by,
		.source = i->source, .etag = i->etag, .last_modified = i->last_modified, .max_age = i->max_age,
		.checked = i->checked,
	};
}

static void take_name(struct image_info *i, const struct image_name *n)
{
	i->name = n->name;
	i->labels = n->labels;
	i->n_labels = n->n_labels;
	i->import_time = n->import_time;
	i->latest = n->latest;
	i->vouched = n->vouched;
	i->hearsay = n->hearsay;
	i->verified_by = n->verified_by;
	i->source = n->source;
	i->etag = n->etag;
	i->last_modified = n->last_modified;
	i->max_age = n->max_age;
	i->checked = n->checked;
}

void image_name_swap(struct image_info *i, int name)
{
	struct image_name was = name_of(i);

	if (name <= 0)
		return;
	take_name(i, &i->others[name - 1]);
	i->others[name - 1] = was;
}

static bool labels_equal(const struct image_name *a, const struct image_name *b)
{
	if (a->n_labels != b->n_labels)
		return false;
	for (size_t i = 0; i < a->n_labels; i++)
		if (!str_eq(label_get(b->labels, b->n_labels, a->labels[i].name), a->labels[i].value))
			return false;
	return true;
}

static bool same_name(const struct image_name *a, const struct image_name *b)
{
	return str_eq(a->name, b->name) && labels_equal(a, b);
}

int image_name_find(const struct image_info *i, const struct image_info *like)
{
	struct image_name wanted = name_of(like), own = name_of(i);

	/* An ACI says itself what it is called. */
	if (!i->format || same_name(&own, &wanted))
		return 0;
	for (size_t k = 0; k < i->n_others; k++)
		if (same_name(&i->others[k], &wanted))
			return (int)k + 1;
	return -1;
}

static void name_clear(struct image_name *n)
{
	json_clear(name_fields, n);
	*n = (struct image_name){};
}

void image_name_drop(struct image_info *i, int name)
{
	if (!name)
		image_name_swap(i, name = 1);
	name_clear(&i->others[name - 1]);
	i->others[name - 1] = i->others[--i->n_others];
}

static void drop_oldest(struct image_info *i)
{
	size_t oldest = 0;

	for (size_t k = 1; k < i->n_others; k++)
		if (i->others[k].import_time < i->others[oldest].import_time)
			oldest = k;
	image_name_drop(i, (int)oldest + 1);
}

void image_name_add(struct image_info *i, const struct image_info *of)
{
	struct image_name name = name_of(of);

	i->others = xreallocarray(i->others, i->n_others + 1, sizeof(*i->others));
	i->others[i->n_others] = (struct image_name){ .vouched = name.vouched, .hearsay = name.hearsay };
	json_duplicate(name_fields, &name, &i->others[i->n_others++]);
	if (i->n_others == NAMES_MAX)
		drop_oldest(i);
}

void store_names(const struct image_info *info, struct image_info **ret, size_t *ret_n)
{
	*ret_n = info->n_others + 1;
	*ret = xcalloc(*ret_n, sizeof(**ret));
	for (size_t i = 0; i < *ret_n; i++) {
		(*ret)[i] = image_info_copy(info);
		image_name_swap(&(*ret)[i], (int)i);
	}
}

/* --- what makes sense -------------------------------------------------------------- */

static bool id_fits(const char *id, const char *key)
{
	return id && strlen(id) == IMAGE_ID_LEN && image_id_check(id, NULL) >= 0 && (!key || str_starts(id, key));
}

static int oci_check(const struct image_info *i, struct err *err)
{
	if (!i->format)
		return i->layers || i->digest || i->config_digest
			? err_set(err, -ERR_BAD_INPUT, "it has layers, but no format") : 0;
	if (!str_eq(i->format, "oci"))
		return err_set(err, -ERR_BAD_INPUT, "its format is not known");
	if (!i->digest || !oci_digest_valid(i->digest) || !i->config_digest ||
	    !oci_digest_valid(i->config_digest))
		return err_set(err, -ERR_BAD_INPUT, "a digest is none");
	for (char **layer = i->layers; layer && *layer; layer++)
		if (!store_blob_valid(*layer))
			return err_set(err, -ERR_BAD_INPUT, "a layer's name is none");
	return 0;
}

/* They go back to a server as headers. */
static bool header_fits(const char *s)
{
	for (; s && *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	return true;
}

static int names_check(const struct image_info *i, struct err *err)
{
	for (size_t k = 0; k < i->n_others; k++) {
		const struct image_name *n = &i->others[k];

		if (!n->name || n->import_time < 0 || n->max_age < 0 || n->checked < 0 || !header_fits(n->etag) ||
		    !header_fits(n->last_modified))
			return err_set(err, -ERR_BAD_INPUT, "one of its names makes no sense");
	}
	return 0;
}

int facts_check(const struct image_info *i, const char *key, struct err *err)
{
	if (!id_fits(i->id, key))
		return err_set(err, -ERR_BAD_INPUT, key ? "its ID is another image's" : "its ID is none");
	if (!i->name)
		return err_set(err, -ERR_BAD_INPUT, "it has no name");
	if (i->size < 0 || i->tree_size < 0 || i->import_time < 0)
		return err_set(err, -ERR_BAD_INPUT, "a size or time is negative");
	if (i->tree && !store_tree_valid(i->tree))
		return err_set(err, -ERR_BAD_INPUT, "its tree's name is none");
	if (i->max_age < 0 || i->checked < 0 || !header_fits(i->etag) || !header_fits(i->last_modified))
		return err_set(err, -ERR_BAD_INPUT, "what the server said of it makes no sense");
	return names_check(i, err) < 0 ? -ERR_BAD_INPUT : oci_check(i, err);
}

char **image_blobs(const struct image_info *info)
{
	char **blobs = NULL;

	if (!info->format) {
		strv_take(&blobs, store_key(info->id));
		return blobs;
	}
	strv_take(&blobs, oci_digest_key(info->digest));
	strv_take(&blobs, oci_digest_key(info->config_digest));
	for (char **layer = info->layers; layer && *layer; layer++)
		if (!strv_has(blobs, *layer))
			strv_add(&blobs, *layer);
	return blobs;
}

int facts_parse(int fd, const char *key, struct image_info *ret, struct err *err)
{
	AUTO(image_info_clear) struct image_info info = {};
	AUTO(free) char *text = NULL;
	size_t len = 0;
	int r;

	r = fd_read_file(fd, FACTS_MAX_BYTES, &text, &len);
	if (r < 0)
		return err_sys(err, r, "cannot read it");
	r = json_decode_text(text, len, facts_fields, &info, err);
	if (r >= 0)
		r = facts_check(&info, key, err);
	if (r < 0)
		return r;
	*ret = info;
	info = (struct image_info){};
	return 0;
}

char *facts_format(const struct image_info *info)
{
	return json_encode_text(facts_fields, info, false);
}
