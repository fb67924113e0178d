#include "store/facts.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/crash.h"
#include "base/fd.h"
#include "base/human.h"
#include "spec/types.h"

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
	{ "verifiedBy", JSON_STRING, AT(verified_by), JSON_OMIT_EMPTY },
	{ "source", JSON_STRING, AT(source), JSON_OMIT_EMPTY },
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
	struct image_info copy = *info;

	copy.id = xstrdup(info->id);
	copy.name = xstrdup(info->name);
	copy.labels = labels_copy(info->labels, info->n_labels);
	copy.tree = xstrdup(info->tree);
	copy.verified_by = xstrdup(info->verified_by);
	copy.source = xstrdup(info->source);
	return copy;
}

static bool id_fits(const char *id, const char *key)
{
	return strlen(id) == IMAGE_ID_LEN && str_starts(id, key) &&
	       strspn(id + IMAGE_KEY_LEN, "0123456789abcdef") == IMAGE_ID_LEN - IMAGE_KEY_LEN;
}

static int facts_check(const struct image_info *i, const char *key, struct err *err)
{
	if (!id_fits(i->id, key))
		return err_set(err, -ERR_BAD_INPUT, "its ID is another image's");
	if (i->size < 0 || i->tree_size < 0 || i->import_time < 0)
		return err_set(err, -ERR_BAD_INPUT, "a size or time is negative");
	if (i->tree && !store_tree_valid(i->tree))
		return err_set(err, -ERR_BAD_INPUT, "its tree's name is none");
	return 0;
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
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || st.st_mode & 0022)
		free(TAKE(ret->verified_by));
	return 0;
}

int facts_load(struct store *s, const char *key, struct image_info *ret, struct err *err)
{
	AUTO(free) char *path = xasprintf("image/%s", key);
	AUTO(close) int fd = -1;
	struct image_info info = {};
	int r;

	if (s->cas_fd < 0)
		return err_set(err, -ERR_NOT_FOUND, "there is no image '%s'", key);
	fd = openat(s->cas_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ENOENT)
		return err_set(err, -ERR_NOT_FOUND, "there is no image '%s'", key);
	r = fd < 0 ? err_sys(err, -errno, "cannot open it") : facts_read(fd, key, &info, err);
	if (r < 0)
		return err_wrap(err, r, "cannot read what is known of the image '%s'", key);
	*ret = info;
	return 0;
}

int facts_save(struct store *s, const struct image_info *info, struct err *err)
{
	AUTO(free) char *key = store_key(info->id);
	AUTO(free) char *path = xasprintf("image/%s", key);
	AUTO(free) char *temporary = name_random("tmp/facts");
	AUTO(free) char *text = json_encode_text(facts_fields, info, false);
	AUTO(close) int fd = -1;
	int r = 0;

	fd = openat(s->cas_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(err, -errno, "cannot write '%s/cas/%s'", s->path, temporary);
	r = fd_write_all(fd, text, strlen(text));
	if (r >= 0 && (fchmod(fd, STORE_FACTS_MODE) < 0 || fsync(fd) < 0))
		r = -errno;
	crash_at("facts-rename");
	if (r >= 0 && renameat(s->cas_fd, temporary, s->cas_fd, path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(s->cas_fd, temporary, 0);
	else
		r = dir_sync(s->cas_fd, "image");
	return r < 0 ? err_sys(err, r, "cannot write '%s/cas/%s'", s->path, path) : 0;
}

int facts_remove(struct store *s, const char *key, struct err *err)
{
	AUTO(free) char *path = xasprintf("image/%s", key);
	int r;

	crash_at("facts-unlink");
	if (unlinkat(s->cas_fd, path, 0) < 0)
		return errno == ENOENT ? err_set(err, -ERR_NOT_FOUND, "there is no image '%s'", key)
				       : err_sys(err, -errno, "cannot remove '%s/cas/%s'", s->path, path);
	r = dir_sync(s->cas_fd, "image");
	return r < 0 ? err_sys(err, r, "cannot remove '%s/cas/%s'", s->path, path) : 0;
}
