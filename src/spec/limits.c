#include "spec/limits.h"

#include <string.h>

#include "base/human.h"
#include "spec/types.h"

#define KIB(n) ((int64_t)(n) << 10)
#define MIB(n) ((int64_t)(n) << 20)
#define GIB(n) ((int64_t)(n) << 30)

#define ROW(name, member, unit, ...) { name, offsetof(struct limits, member), LIMIT_##unit, __VA_ARGS__ }
/* The upper bounds are what the code below can do at all: one name in one system call, one JSON document … */
const struct limit limit_rows[] = {
	ROW("image-bytes", image_bytes, BYTES, GIB(64), 1, INT64_MAX / 2,
	    "an image file or a layer, as it is downloaded or read"),
	ROW("unsized-bytes", unsized_bytes, BYTES, GIB(4), 1, INT64_MAX / 2,
	    "a download of which neither the server nor a manifest says how large it will be"),
	ROW("document-bytes", document_bytes, BYTES, MIB(4), KIB(1), MIB(4),
	    "a manifest, configuration or index of an image"),
	ROW("page-bytes", page_bytes, BYTES, MIB(1), KIB(1), MIB(64), "a page that discovery reads"),
	ROW("header-bytes", header_bytes, BYTES, KIB(64), KIB(1), KIB(256), "the header of a server's answer"),
	ROW("redirects", redirects, COUNT, 10, 1, 100, "how often a server may send us elsewhere"),
	ROW("connect-seconds", connect_seconds, SECONDS, 20, 1, 3600, "until a connection stands"),
	ROW("stall-seconds", stall_seconds, SECONDS, 30, 1, 86400,
	    "how long a server may send less than 100 bytes a second"),
	ROW("document-seconds", document_seconds, SECONDS, 120, 1, 86400,
	    "for the whole of a document, page, key or signature"),
	ROW("parallel-downloads", parallel_downloads, COUNT, 4, 1, 16, "layers of an image under way at once"),
	ROW("unpacked-bytes", unpacked_bytes, BYTES, GIB(64), KIB(1), INT64_MAX / 2,
	    "the archive or the layers of an image, once they are decompressed"),
	ROW("unpack-ratio", unpack_ratio, COUNT, 200, 1, 1000000,
	    "how many times its size an archive may decompress to, from 1 GiB on"),
	ROW("decompress-memory", decompress_memory, BYTES, MIB(256), MIB(1), GIB(4),
	    "what decompressing an image may take of memory"),
	ROW("layer-memory", layer_memory, BYTES, MIB(32), MIB(8), GIB(1),
	    "what decompressing a layer may take of memory"),
	ROW("dependencies", dependencies, COUNT, 512, 1, 4096, "images that an image is made of, itself included"),
	ROW("dependency-depth", dependency_depth, COUNT, 64, 1, 1000, "dependencies of dependencies"),
	ROW("layers", layers, COUNT, 500, 1, 4096, "layers of an OCI image"),
	ROW("members", members, COUNT, 4000000, 1, UINT32_MAX, "files, directories and links in an archive"),
	ROW("content-bytes", content_bytes, BYTES, GIB(64), 1, INT64_MAX / 2,
	    "all files of an archive together, holes included"),
	ROW("directory-bytes", directory_bytes, BYTES, MIB(64), KIB(4), GIB(4),
	    "names of directories that are remembered while an archive is unpacked"),
	ROW("path-bytes", path_bytes, BYTES, 4095, 16, 4095, "the name of a file in an archive"),
	ROW("path-depth", path_depth, COUNT, 256, 1, 256, "directories one in another in an archive"),
	ROW("link-bytes", link_bytes, BYTES, 4095, 16, 4095, "the target of a symbolic link"),
	ROW("xattrs", xattrs, COUNT, 64, 1, 4096, "extended attributes of a file"),
	ROW("xattr-bytes", xattr_bytes, BYTES, KIB(64) - 1, 1, KIB(64) - 1, "an extended attribute's value"),
	ROW("xattrs-bytes", xattrs_bytes, BYTES, KIB(255), KIB(1), KIB(255),
	    "all extended attributes of a file: names, values, and 8 bytes each"),
	ROW("sparse-parts", sparse_parts, COUNT, 1000000, 1, 100000000, "parts that the sparse files of an archive are in"),
	ROW("tree-memory", tree_memory, BYTES, MIB(512), MIB(1), GIB(64),
	    "what the names and metadata of an image's files take of memory while its archives are put together"),
	ROW("index-bytes", index_bytes, BYTES, GIB(4), MIB(1), GIB(1024), "the index of an image's files"),
	{}
};

static struct limits in_force;	/* all 0 until somebody asks or sets */

void limits_set(const struct limits *l)
{
	struct limits all = l ? *l : (struct limits){};

	for (const struct limit *row = limit_rows; row->name; row++)
		if (!*limit_at(&all, row))
			*limit_at(&all, row) = row->def;
	in_force = all;
}

const struct limits *limits(void)
{
	if (!in_force.image_bytes)
		limits_set(NULL);
	return &in_force;
}

static const struct limit *row_named(const char *name)
{
	const struct limit *row = limit_rows;

	while (row->name && !str_eq(row->name, name))
		row++;
	return row->name ? row : NULL;
}

static int64_t value_of(const struct limits *l, const struct limit *row)
{
	return *limit_at((struct limits *)l, row);
}

static char *bytes_text(int64_t value)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	size_t unit = 0;

	while (value && value % 1024 == 0 && unit + 1 < ARRAY_LEN(units)) {
		value /= 1024;
		unit++;
	}
	return xasprintf("%lld%s", (long long)value, units[unit]);
}

char *limit_text(const struct limit *row, int64_t value)
{
	if (row->unit == LIMIT_BYTES)
		return bytes_text(value);
	return xasprintf("%lld%s", (long long)value, row->unit == LIMIT_SECONDS ? "s" : "");
}

/* --- reading ------------------------------------------------------------- */

static int read_size(const char *text, int64_t *ret)
{
	AUTO(free) char *bare = xstrndup(text, strlen(text) - (size_t)str_ends(text, "B"));

	return quantity_parse(bare, ret, NULL);
}

static int read_seconds(const char *text, int64_t *ret)
{
	int64_t ns = 0;
	int r = duration_parse(text, &ns);

	if (r >= 0 && ns % NS_PER_SECOND)
		r = -EINVAL;
	*ret = ns / NS_PER_SECOND;
	return r;
}

static const struct {
	int (*read)(const char *text, int64_t *ret);	/* NULL: a number only */
	const char *what;
} units[] = {
	[LIMIT_BYTES] = { read_size, "a number of bytes, nor a size as in \"64GiB\"" },
	[LIMIT_COUNT] = { NULL, "a whole number" },
	[LIMIT_SECONDS] = { read_seconds, "a number of seconds, nor a time as in \"1m30s\"" },
};

static int read_value(const struct limit *row, const struct json_value *v, int64_t *ret, struct err *err)
{
	AUTO(free) char *min = limit_text(row, row->min), *max = limit_text(row, row->max);
	int r = -EINVAL;

	if (v->kind == JSON_NUMBER)
		r = json_i64(v, ret);
	else if (v->kind == JSON_TEXT && units[row->unit].read)
		r = units[row->unit].read(v->text, ret);
	if (r < 0 && r != -ERANGE)
		return err_set(err, -ERR_BAD_INPUT, "the limit \"%s\" is not %s", row->name, units[row->unit].what);
	if (r < 0 || *ret < row->min || *ret > row->max)
		return err_set(err, -ERR_BAD_INPUT, "the limit \"%s\" is not between %s and %s", row->name, min, max);
	return 0;
}

int limits_read(const struct json_value *object, struct limits *ret, struct err *err)
{
	if (object->kind != JSON_DICT)
		return err_set(err, -ERR_BAD_INPUT, "not an object");
	for (const struct json_value *v = object->child; v; v = v->next) {
		const struct limit *row = row_named(v->key);
		int r;

		if (str_eq(v->key, "rktKind") || str_eq(v->key, "rktVersion"))
			continue;
		if (!row)
			return err_set(err, -ERR_BAD_INPUT, "there is no limit \"%s\"", v->key);
		if (value_of(ret, row))
			return err_set(err, -ERR_BAD_INPUT, "the limit \"%s\" is already specified", v->key);
		r = read_value(row, v, limit_at(ret, row), err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- handing on ------------------------------------------------------------ */

char *limits_hand_on(void)
{
	struct json_writer *w = json_writer_new(false);
	AUTO(free) char *text = NULL;
	bool any = false;

	json_open_object(w, NULL);
	for (const struct limit *row = limit_rows; row->name; row++) {
		if (value_of(limits(), row) == row->def)
			continue;
		json_write_i64(w, row->name, value_of(limits(), row));
		any = true;
	}
	json_close(w);
	text = json_writer_finish(w);
	return any ? TAKE(text) : NULL;
}

int limits_take(const char *text, struct err *err)
{
	AUTO(json_free) struct json *json = NULL;
	struct limits l = {};
	int r = text ? json_parse(text, strlen(text), &json, err) : 0;

	if (r >= 0 && json)
		r = limits_read(json_root(json), &l, err);
	if (r >= 0)
		limits_set(&l);
	return r;
}

void limits_override(struct limits *l, const struct limits *upper)
{
	for (const struct limit *row = limit_rows; row->name; row++)
		if (value_of(upper, row))
			*limit_at(l, row) = value_of(upper, row);
}

bool limits_none(const struct limits *l)
{
	const struct limit *row = limit_rows;

	while (row->name && !value_of(l, row))
		row++;
	return !row->name;
}

void limits_write(struct json_writer *w, const struct limits *l)
{
	for (const struct limit *row = limit_rows; row->name; row++) {
		int64_t value = value_of(l, row);
		AUTO(free) char *text = limit_text(row, value);

		if (value && row->unit == LIMIT_COUNT)
			json_write_i64(w, row->name, value);
		else if (value)
			json_write_text(w, row->name, text);
	}
}

int limit_refuse(struct err *err, const int64_t *limit, const char *words, ...)
{
	const struct limit *row = limit_rows;
	size_t at = (size_t)((const char *)limit - (const char *)&in_force);
	AUTO(free) char *what = NULL, *text = NULL;
	va_list ap;

	while (row->at != at)
		row++;
	va_start(ap, words);
	what = xvasprintf(words, ap);
	va_end(ap);
	text = limit_text(row, *limit);
	return err_set(err, -E2BIG, "%s the limit %s (%s; limits.d)", what, row->name, text);
}
