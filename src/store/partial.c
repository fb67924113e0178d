#include "store/partial.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/human.h"
#include "spec/oci.h"
#include "store/layout.h"
#include "store/temp.h"

enum { NOTE_MAX = 64 << 10, KEEP_SECONDS = 24 * 60 * 60, MISSED_MAX = 100 };

static const char note_suffix[] = ".json";

/* HASH.json */
struct note { char *what, *url, *version; };
#define AT(member) offsetof(struct note, member)
static const struct json_field note_fields[] = {
	{ "what", JSON_STRING, AT(what), JSON_REQUIRED },
	{ "url", JSON_STRING, AT(url), JSON_OMIT_EMPTY },
	{ "version", JSON_STRING, AT(version), JSON_OMIT_EMPTY },
	{}
};
#undef AT

static void note_clear(struct note *n) { json_clear(note_fields, n); }
static inline void note_clear_auto(struct note *n) { note_clear(n); }

static char *note_name(const struct partial *p) { return xasprintf("%s%s", p->name, note_suffix); }

/* FNV-1a. Two that share one cost each other what they have, no more: the note says whose it is. */
static char *hash_of(const char *what)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (const char *c = what; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 0x100000001b3;
	return xasprintf("%016llx", (unsigned long long)hash);
}

/* --- the directory ----------------------------------------------------------------- */

static char *dir_path(void) { return xasprintf("tmp/part-%u", (unsigned)geteuid()); }

static int open_dir(struct store *s, const char *path, struct partial *p, struct err *err)
{
	struct stat st;
	int r = cas_make_dir(s->cas_fd, path, 0700);

	if (r < 0 && r != -EEXIST)
		return r;
	p->dir_fd = cas_open(s->cas_fd, path, O_RDONLY | O_DIRECTORY, 0);
	if (p->dir_fd < 0)
		return p->dir_fd;
	if (fstat(p->dir_fd, &st) < 0)
		return -errno;
	/* The group rkt may write to tmp. What such a one put there would be root's word later. */
	if (st.st_uid != geteuid() || st.st_mode & 0077)
		return err_set(err, -EPERM, "'%s/cas/%s' is not our own: remove it", s->path, path);
	return 0;
}

/* --- opening ----------------------------------------------------------------------- */

static int open_file(struct partial *p, bool wait)
{
	int r = 0;

	p->fd = openat(p->dir_fd, p->name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (p->fd < 0)
		return -errno;
	if (flock(p->fd, LOCK_EX | LOCK_NB) < 0)
		r = -errno;
	if (r == -EWOULDBLOCK && wait) {
		p->waited = true;
		r = store_wait_lock(p->fd, LOCK_EX, "finish downloading the same");
	}
	return r >= 0 && !cas_is_named(p->dir_fd, p->name, p->fd) ? -ENOENT : r;
}

static int open_both(struct store *s, bool wait, struct partial *p, struct err *err)
{
	AUTO(free) char *path = dir_path();
	int r;

	for (int missed = 0;; missed++) {
		r = open_dir(s, path, p, err);
		if (r == -EPERM)
			return r;
		if (r >= 0)
			r = open_file(p, wait);
		/* Both go with the last download. */
		if (r != -ENOENT || missed == MISSED_MAX)
			break;
		close_auto(&p->fd);
		close_auto(&p->dir_fd);
		p->fd = p->dir_fd = -1;
	}
	return r < 0 ? err_sys(err, r, "cannot open a download in '%s/cas/%s'", s->path, path) : 0;
}

/* --- notes ------------------------------------------------------------------------- */

static int write_note(const struct partial *p)
{
	AUTO(free) char *name = note_name(p);
	const struct note note = { p->what, p->url, p->version };
	AUTO(free) char *text = json_encode_text(note_fields, &note, false);

	return file_write(p->dir_fd, name, text, strlen(text), 0600);
}

static int drop_note(const struct partial *p)
{
	AUTO(free) char *name = note_name(p);

	return unlinkat(p->dir_fd, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

static int start_anew(struct partial *p)
{
	int r = drop_note(p);

	free(TAKE(p->url));
	free(TAKE(p->version));
	return r >= 0 && ftruncate(p->fd, 0) < 0 ? -errno : r;
}

/* What can't be read is of nothing: the process may have been killed while it wrote that. */
static void read_note(struct partial *p, struct note *ret)
{
	AUTO(free) char *name = note_name(p), *text = NULL;
	size_t len = 0;

	if (file_read(p->dir_fd, name, NOTE_MAX, &text, &len) >= 0)
		(void)json_decode_text(text, len, note_fields, ret, NULL);
}

static int take_up(struct partial *p)
{
	AUTO(note_clear) struct note note = {};
	bool digest = oci_digest_valid(p->what);
	int r;

	read_note(p, &note);
	if (str_eq(note.what, p->what) && (digest || (note.url && note.version))) {
		p->url = TAKE(note.url);
		p->version = TAKE(note.version);
		return 0;
	}
	r = start_anew(p);
	return r >= 0 && digest ? write_note(p) : r;
}

int partial_open(struct store *s, const char *what, bool wait, struct partial *ret, struct err *err)
{
	AUTO(partial_keep) struct partial p = PARTIAL_NONE;
	int r;

	p.what = xstrdup(what);
	p.name = hash_of(what);
	/* A sweep would take the directory away. */
	r = store_use(s, err);
	if (r >= 0)
		r = open_both(s, wait, &p, err);
	if (r < 0)
		return r;
	r = take_up(&p);
	if (r < 0)
		return err_sys(err, r, "cannot take up the download of '%s'", what);
	*ret = p;
	p = PARTIAL_NONE;
	return 0;
}

int partial_note(struct partial *p, const char *url, const char *version, struct err *err)
{
	int r;

	if (version && str_eq(url, p->url) && str_eq(version, p->version))
		return 0;
	r = start_anew(p);
	if (r >= 0 && version) {
		p->url = xstrdup(url);
		p->version = xstrdup(version);
		r = write_note(p);
	}
	return r < 0 ? err_sys(err, r, "cannot note what the download of '%s' is", p->what) : 0;
}

/* --- the end ----------------------------------------------------------------------- */

void partial_keep(struct partial *p)
{
	close_auto(&p->fd);
	close_auto(&p->dir_fd);
	free(p->name);
	free(p->what);
	free(p->url);
	free(p->version);
	*p = PARTIAL_NONE;
}

void partial_remove(struct store *s, struct partial *p)
{
	AUTO(free) char *path = dir_path();

	if (p->dir_fd < 0)
		return;
	(void)drop_note(p);
	(void)unlinkat(p->dir_fd, p->name, 0);
	(void)cas_unlink(s->cas_fd, path, AT_REMOVEDIR);	/* unless there are others */
	partial_keep(p);
}

/* --- sweeping ---------------------------------------------------------------------- */

bool partial_dir_valid(const char *name)
{
	const char *digits = name + 5;

	return str_starts(name, "part-") && *digits && !digits[strspn(digits, "0123456789")];
}

static bool is_recent(const struct stat *st)
{
	int64_t age = time_now() / NS_PER_SECOND - st->st_mtim.tv_sec;

	return age > -KEEP_SECONDS && age < KEEP_SECONDS;
}

static bool can_go_on(int dir_fd, const char *name)
{
	AUTO(free) char *note = xasprintf("%s%s", name, note_suffix);
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
	       is_recent(&st) && faccessat(dir_fd, note, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

struct leftovers {
	bool notes;		/* this time; the files otherwise */
	bool any;
	int (*found)(void *arg, int dir_fd, const char *name);
	void *arg;
};

static bool is_needed(int dir_fd, const char *name)
{
	AUTO(free) char *file = NULL;

	if (!str_ends(name, note_suffix))
		return can_go_on(dir_fd, name) || !temp_abandoned(dir_fd, name);
	file = xstrndup(name, strlen(name) - strlen(note_suffix));
	return can_go_on(dir_fd, file) || (faccessat(dir_fd, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0 &&
					   !temp_abandoned(dir_fd, file));
}

static int look_at(void *arg, int dir_fd, const char *name)
{
	struct leftovers *l = arg;

	l->any = true;
	if (str_ends(name, note_suffix) != l->notes || is_needed(dir_fd, name))
		return 0;
	return l->found(l->arg, dir_fd, name);
}

int partial_leftovers(int tmp_fd, const char *name, int (*found)(void *arg, int dir_fd, const char *name), void *arg)
{
	struct leftovers l = { .found = found, .arg = arg };
	int r;

	r = store_each(tmp_fd, name, look_at, &l);
	l.notes = true;
	if (r >= 0)
		r = store_each(tmp_fd, name, look_at, &l);
	if (r == -EACCES)
		return 0;	/* another user's, who sweeps there as well */
	if (r == -ENOTDIR || r == -ELOOP || (r >= 0 && !l.any))
		return 1;
	if (r < 0)
		return r;
	/* Empty now only where all of it was found, and then taken away. */
	(void)unlinkat(tmp_fd, name, AT_REMOVEDIR);
	return 0;
}
