#include "store/aci_write.h"

#include <assert.h>
#include <string.h>

#include "base/fd.h"
#include "store/tar_write.h"

enum { ROOM = 1 << 20 };	/* as much is collected before it is written */

struct aci_writer {
	int fd;
	struct buf out;
	int64_t at;		/* how much of the present file was written */
};

static int flush(struct aci_writer *w, struct err *err)
{
	int r = fd_write_all(w->fd, w->out.data, w->out.len);

	w->out.len = 0;
	return r < 0 ? err_sys(err, r, "cannot write the image") : 0;
}

static int add(struct aci_writer *w, const void *data, size_t len, struct err *err)
{
	buf_add(&w->out, data, len);
	return w->out.len < ROOM ? 0 : flush(w, err);
}

static int add_zeros(struct aci_writer *w, int64_t len, struct err *err)
{
	static const char zeros[64 << 10];
	int r = 0;

	for (; len > 0 && r >= 0; len -= (int64_t)sizeof(zeros))
		r = add(w, zeros, len < (int64_t)sizeof(zeros) ? (size_t)len : sizeof(zeros), err);
	return r;
}

static int begin(void *arg, const struct member *m, struct err *err)
{
	struct aci_writer *w = arg;
	AUTO(free) char *name = xasprintf("rootfs%s%s", *m->path ? "/" : "", m->path), *link = NULL;

	link = m->kind == MEMBER_HARDLINK ? xasprintf("rootfs/%s", m->link) : xstrdup(m->link);
	w->at = 0;
	return tar_write_header(&w->out, name, link, m, err);
}

static int data(void *arg, const void *bytes, size_t len, int64_t offset, struct err *err)
{
	struct aci_writer *w = arg;
	int r;

	assert(offset >= w->at);
	r = add_zeros(w, offset - w->at, err);
	if (r >= 0)
		r = add(w, bytes, len, err);
	w->at = offset + (int64_t)len;
	return r;
}

static int end(void *arg, const struct member *m, struct err *err)
{
	struct aci_writer *w = arg;

	if (m->kind != MEMBER_FILE)
		return 0;
	return add_zeros(w, m->size - w->at + (int64_t)tar_padding(m->size), err);
}

int aci_writer_new(int fd, const char *manifest, struct aci_writer **ret, struct err *err)
{
	struct member m = { .kind = MEMBER_MANIFEST, .path = "", .mode = 0644, .size = (int64_t)strlen(manifest) };
	AUTO(aci_writer_free) struct aci_writer *w = xcalloc(1, sizeof(*w));
	int r;

	w->fd = fd;
	r = tar_write_header(&w->out, "manifest", NULL, &m, err);
	if (r >= 0)
		r = add(w, manifest, strlen(manifest), err);
	if (r >= 0)
		r = add_zeros(w, (int64_t)tar_padding(m.size), err);
	if (r < 0)
		return r;
	*ret = TAKE(w);
	return 0;
}

struct tar_sink aci_writer_sink(struct aci_writer *w)
{
	return (struct tar_sink){ .begin = begin, .data = data, .end = end, .arg = w };
}

int aci_writer_finish(struct aci_writer *w, struct err *err)
{
	tar_write_end(&w->out);
	return flush(w, err);
}

void aci_writer_free(struct aci_writer *w)
{
	if (w)
		buf_clear(&w->out);
	free(w);
}
