#include "store/facts.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/crash.h"
#include "base/fd.h"
#include "base/human.h"
#include "spec/oci.h"

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
	struct image_info copy = { .last_used = info->last_used, .hearsay = info->hearsay };

	json_duplicate(facts_fields, info, &copy);
	return copy;
}

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
	return oci_check(i, err);
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

static int facts_read(int fd, const char *key, struct image_info *ret, struct err *err)
{
	AUTO(free) char *text = NULL;
	struct stat st;
	size_t len = 0;
	int r;

	if (fstat(fd, &st) < 0)
		return err_sys(err, -errno, "cannot look at it");
	r = fd_read_file(fd, FACTS_MAX_BYTES, &text, &len);
	if (r < 0)
		return err_sys(err, r, "cannot read it");
	r = json_decode_text(text, len, facts_fields, ret, err);
	if (r < 0)
		return r;
	r = facts_check(ret, key, err);
	if (r < 0) {
		image_info_clear(ret);
		return r;
	}
	ret->last_used = (int64_t)st.st_mtim.tv_sec * NS_PER_SECOND + st.st_mtim.tv_nsec;
	/* The group rkt may add images, but not say who signed them. */
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || st.st_mode & 0022) {
		ret->hearsay = ret->verified_by;
		free(TAKE(ret->verified_by));
	}
	return 0;
}

int facts_load(struct store *s, const char *key, struct image_info *ret, struct err *err)
{
	AUTO(free) char *path = xasprintf("image/%s", key);
	AUTO(close) int fd = -1;
	struct image_info info = {};
	int r;

	fd = cas_open(s->cas_fd, path, O_RDONLY, 0);
	if (fd == -ENOENT)
		return err_set(err, -ERR_NOT_FOUND, "there is no image '%s'", key);
	r = fd < 0 ? err_sys(err, fd, "cannot open it") : facts_read(fd, key, &info, err);
	if (r < 0)
		return err_wrap(err, r, "cannot read what is known of the image '%s'", key);
	*ret = info;
	return 0;
}

static struct timespec as_timespec(int64_t ns)
{
	return (struct timespec){ .tv_sec = ns / NS_PER_SECOND, .tv_nsec = ns % NS_PER_SECOND };
}

static int save(struct store *s, const struct image_info *info, const struct timespec used[2], struct err *err)
{
	AUTO(free) char *key = store_key(info->id);
	AUTO(free) char *path = xasprintf("image/%s", key);
	AUTO(free) char *temporary = name_random("tmp/facts");
	AUTO(free) char *text = json_encode_text(facts_fields, info, false);
	AUTO(close) int fd = -1;
	int r = 0;

	fd = cas_open(s->cas_fd, temporary, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return err_sys(err, fd, "cannot write '%s/cas/%s'", s->path, temporary);
	r = fd_write_all(fd, text, strlen(text));
	if (r >= 0 && ((used && futimens(fd, used) < 0) || fchmod(fd, STORE_FILE_MODE) < 0 || fsync(fd) < 0))
		r = -errno;
	crash_at("facts-rename");
	if (r >= 0)
		r = cas_rename(s->cas_fd, temporary, path);
	if (r < 0)
		(void)cas_unlink(s->cas_fd, temporary, 0);
	else
		r = cas_sync_dir(s->cas_fd, "image");
	return r < 0 ? err_sys(err, r, "cannot write '%s/cas/%s'", s->path, path) : 0;
}

int facts_save(struct store *s, const struct image_info *info, struct err *err)
{
	return save(s, info, NULL, err);
}

int facts_amend(struct store *s, const struct image_info *info, struct err *err)
{
	const struct timespec used[2] = { as_timespec(info->last_used), as_timespec(info->last_used) };

	return save(s, info, used, err);
}

static void take_text(char **to, char **from)
{
	if (!*to)
		*to = TAKE(*from);
}

int facts_add(struct store *s, struct image_info *info, struct err *err)
{
	AUTO(image_info_clear) struct image_info old = {};
	AUTO(free) char *key = store_key(info->id);

	info->import_time = info->last_used = time_now();
	if (facts_load(s, key, &old, NULL) >= 0) {
		/* Whoever signed it signed it for that name. */
		if (str_eq(old.name, info->name))
			take_text(&info->verified_by, &old.verified_by);
		take_text(&info->source, &old.source);
		if (!info->tree && old.tree) {
			info->tree = TAKE(old.tree);
			info->tree_size = old.tree_size;
		}
	}
	return facts_save(s, info, err);
}

static bool facts_own(struct store *s, const char *key)
{
	AUTO(free) char *path = xasprintf("image/%s", key);
	AUTO(close) int fd = cas_open(s->cas_fd, path, O_RDONLY, 0);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid();
}

void store_note_unchanged(struct store *s, const struct image_info *i)
{
	AUTO(image_info_clear) struct image_info info = {};
	AUTO(free) char *key = store_key(i->id);

	if (!facts_own(s, key) || facts_load(s, key, &info, NULL) < 0)
		return;
	free(info.etag);
	free(info.last_modified);
	info.etag = xstrdup(i->etag);
	info.last_modified = xstrdup(i->last_modified);
	info.max_age = i->max_age;
	info.checked = i->checked;
	(void)facts_save(s, &info, NULL);
}

int facts_remove(struct store *s, const char *key, struct err *err)
{
	AUTO(free) char *path = xasprintf("image/%s", key);
	int r;

	crash_at("facts-unlink");
	r = cas_unlink(s->cas_fd, path, 0);
	if (r == -ENOENT)
		return err_set(err, -ERR_NOT_FOUND, "there is no image '%s'", key);
	if (r >= 0)
		r = cas_sync_dir(s->cas_fd, "image");
	return r < 0 ? err_sys(err, r, "cannot remove '%s/cas/%s'", s->path, path) : 0;
}
