#include "store/facts.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/crash.h"
#include "base/fd.h"
#include "base/human.h"
#include "store/vouch.h"

static void take_text(char **to, char **from)
{
	if (!*to)
		*to = TAKE(*from);
}

/* For each of its names, in front. The order stays. */
static void each_name(struct image_info *i, void (*each)(void *arg, struct image_info *i), void *arg)
{
	for (int k = 0; k <= (int)i->n_others; k++) {
		image_name_swap(i, k);
		each(arg, i);
		image_name_swap(i, k);
	}
}

/* The group rkt may add images, but not say who signed them. */
static void doubt(void *arg, struct image_info *i)
{
	(void)arg;
	i->vouched = false;
	i->hearsay = i->verified_by;
	free(TAKE(i->verified_by));
}

static void believe(void *arg, struct image_info *i)
{
	(void)arg;
	i->vouched = true;
}

/* One name of what others say, into what is sure. */
static void add_doubtful(void *arg, struct image_info *said)
{
	struct image_info *sure = arg;
	int name = image_name_find(sure, said);

	if (name < 0) {
		image_name_add(sure, said);
		return;
	}
	image_name_swap(sure, name);
	sure->hearsay = said->hearsay && !sure->verified_by;
	/* Of what root only read, not fetched (store_vouch()), others may say where it came from. */
	if (!sure->verified_by && !sure->format)
		take_text(&sure->source, &said->source);
	image_name_swap(sure, name);
}

/* Root's word in place of what anybody may have written, but for what root never vouches for. */
static void replace(struct image_info *said, struct image_info *by)
{
	each_name(by, believe, NULL);
	each_name(said, add_doubtful, by);
	by->tree = TAKE(said->tree);
	by->tree_size = said->tree_size;
	by->last_used = said->last_used;
	image_info_clear(said);
	*said = *by;
	*by = (struct image_info){};
}

/* One name that root vouches for, into what the caller says. */
static void add_sure(void *arg, struct image_info *sure)
{
	struct image_info *own = arg;
	int name = image_name_find(own, sure);

	if (name < 0) {
		image_name_add(own, sure);
		return;
	}
	image_name_swap(own, name);
	take_text(&own->verified_by, &sure->verified_by);
	image_name_swap(own, name);
}

/* own: the caller, who is not root, wrote what is said. */
static void judge(struct store *s, const char *key, bool own, struct image_info *said)
{
	AUTO(image_info_clear) struct image_info sure = {};
	bool vouched = vouch_load(s, key, &sure, NULL) >= 0;

	each_name(said, own ? believe : doubt, NULL);
	if (vouched && !own) {
		replace(said, &sure);
	} else if (vouched) {
		each_name(&sure, believe, NULL);
		each_name(&sure, add_sure, said);
	}
}

static int facts_read(struct store *s, int fd, const char *key, struct image_info *ret, struct err *err)
{
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return err_sys(err, -errno, "cannot look at it");
	r = facts_parse(fd, key, ret, err);
	if (r < 0)
		return r;
	ret->last_used = (int64_t)st.st_mtim.tv_sec * NS_PER_SECOND + st.st_mtim.tv_nsec;
	judge(s, key, geteuid() && st.st_uid == geteuid() && !(st.st_mode & 0022), ret);
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
	r = fd < 0 ? err_sys(err, fd, "cannot open it") : facts_read(s, fd, key, &info, err);
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
	AUTO(free) char *text = facts_format(info);
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

/* What is known by another name of it stays; whoever signed it signed it for the name, not the version. */
static void add_known_name(void *arg, struct image_info *old)
{
	struct image_info *info = arg;

	if (str_eq(old->name, info->name) && !info->verified_by)
		info->verified_by = xstrdup(old->verified_by);
	if (image_name_find(info, old) < 0)
		image_name_add(info, old);
	else if (old->vouched)
		take_text(&info->source, &old->source);
}

int facts_add(struct store *s, struct image_info *info, const char *manifest, size_t len, struct err *err)
{
	AUTO(image_info_clear) struct image_info old = {};
	AUTO(free) char *key = store_key(info->id);
	int r;

	info->import_time = info->last_used = time_now();
	info->vouched = true;
	if (facts_load(s, key, &old, NULL) >= 0) {
		each_name(&old, add_known_name, info);
		if (!info->tree && old.tree) {
			info->tree = TAKE(old.tree);
			info->tree_size = old.tree_size;
		}
	}
	r = facts_save(s, info, err);
	return r < 0 || geteuid() ? r : vouch_save(s, info, manifest, len, err);
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

	if (facts_load(s, key, &info, NULL) < 0 || !info.vouched || (geteuid() && !facts_own(s, key)))
		return;
	image_name_swap(&info, image_name_find(&info, i));
	free(info.etag);
	free(info.last_modified);
	info.etag = xstrdup(i->etag);
	info.last_modified = xstrdup(i->last_modified);
	info.max_age = i->max_age;
	info.checked = i->checked;
	if (facts_save(s, &info, NULL) >= 0 && !geteuid())
		(void)vouch_save(s, &info, NULL, 0, NULL);
}

int facts_remove(struct store *s, const char *key, struct err *err)
{
	AUTO(free) char *path = xasprintf("image/%s", key);
	int r;

	r = vouch_remove(s, key, err);
	if (r < 0)
		return r;
	crash_at("facts-unlink");
	r = cas_unlink(s->cas_fd, path, 0);
	if (r == -ENOENT)
		return err_set(err, -ERR_NOT_FOUND, "there is no image '%s'", key);
	if (r >= 0)
		r = cas_sync_dir(s->cas_fd, "image");
	return r < 0 ? err_sys(err, r, "cannot remove '%s/cas/%s'", s->path, path) : 0;
}
