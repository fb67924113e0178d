#include "cli/image_view.h"

#include <string.h>

#include "base/human.h"
#include "base/table.h"
#include "stage0/image.h"

enum { SHORT_ID = 7 + 12, SHORT_FINGERPRINT = 16 };

/* "name:version", as every table shows an image. The caller frees it. */
static char *shown_name(const struct image_info *i)
{
	const char *version = label_get(i->labels, i->n_labels, "version");

	return version ? xasprintf("%s:%s", i->name, version) : xstrdup(i->name);
}

/* All that it consists of, whoever else does so too. */
static int64_t total_size(const struct image_info *i) { return i->size + i->tree_size; }

/* Its part of what is on disk. */
static int64_t own_size(const struct image_info *i) { return i->disk_size ?: total_size(i); }

static char *shown_size(int64_t size, bool full)
{
	return full ? xasprintf("%lld", (long long)size) : human_size((uint64_t)size);
}

/* --- columns ------------------------------------------------------------- */

static char *cell_id(const struct image_info *i, const struct image_list_args *a, int64_t now_ns)
{
	return a->full ? xstrdup(i->id) : xstrndup(i->id, SHORT_ID);
}

static char *cell_name(const struct image_info *i, const struct image_list_args *a, int64_t now_ns) { return shown_name(i); }

static char *cell_size(const struct image_info *i, const struct image_list_args *a, int64_t now_ns)
{
	return shown_size(own_size(i), a->full);
}

static char *cell_total(const struct image_info *i, const struct image_list_args *a, int64_t now_ns)
{
	return shown_size(total_size(i), a->full);
}

static char *cell_import(const struct image_info *i, const struct image_list_args *a, int64_t now_ns)
{
	return a->full ? human_time(i->import_time) : human_ago(i->import_time, now_ns);
}

static char *cell_used(const struct image_info *i, const struct image_list_args *a, int64_t now_ns)
{
	return a->full ? human_time(i->last_used) : human_ago(i->last_used, now_ns);
}

static char *short_fingerprint(const char *s)
{
	return xstrndup(s, SHORT_FINGERPRINT + (str_starts(s, FINGERPRINT_COSIGN) ? strlen(FINGERPRINT_COSIGN) : 0));
}

static char *cell_verified(const struct image_info *i, const struct image_list_args *a, int64_t now_ns)
{
	AUTO(free) char *who = NULL;

	if (!i->verified_by)
		return xstrdup("-");
	who = a->full ? xstrdup(i->verified_by) : short_fingerprint(i->verified_by);
	return image_is_verified(a->engine, i) ? TAKE(who) : xasprintf("%s (no longer trusted)", who);
}

static int compare_i64(int64_t a, int64_t b) { return (a > b) - (a < b); }

static int by_name(const struct image_info *a, const struct image_info *b)
{
	AUTO(free) char *x = shown_name(a), *y = shown_name(b);

	return strcmp(x, y);
}
static int by_import(const struct image_info *a, const struct image_info *b)
{
	return compare_i64(a->import_time, b->import_time);
}
static int by_used(const struct image_info *a, const struct image_info *b)
{
	return compare_i64(a->last_used, b->last_used);
}
static int by_size(const struct image_info *a, const struct image_info *b)
{
	return compare_i64(own_size(a), own_size(b));
}
static int by_total(const struct image_info *a, const struct image_info *b)
{
	return compare_i64(total_size(a), total_size(b));
}

static const struct column {
	const char *field, *title;
	char *(*cell)(const struct image_info *i, const struct image_list_args *a, int64_t now_ns);
	int (*compare)(const struct image_info *a, const struct image_info *b);	/* NULL: no --sort by it */
} columns[] = {
	{ "id", "ID", cell_id, NULL },
	{ "name", "NAME", cell_name, by_name },
	{ "size", "SIZE", cell_size, by_size },
	{ "total", "TOTAL", cell_total, by_total },
	{ "importtime", "IMPORT TIME", cell_import, by_import },
	{ "lastused", "LAST USED", cell_used, by_used },
	{ "verified", "VERIFIED", cell_verified, NULL },
};

static const struct column *column(const char *field)
{
	for (size_t i = 0; i < ARRAY_LEN(columns); i++)
		if (str_eq(columns[i].field, field))
			return &columns[i];
	return NULL;
}

/* --- options ------------------------------------------------------------- */

/* A list of fields replaces what an earlier --fields or --sort said. */
static int take_fields(void *args, const struct opt *opt, const char *value, struct err *err)
{
	struct image_list_args *a = args;
	bool sort = str_eq(opt->name, "sort");
	char ***list = sort ? &a->sort : &a->fields;
	AUTO(strv_free) char **parts = strv_split(value, ','), **taken = NULL;

	for (char **p = parts; *p; p++) {
		const struct column *c = column(*p);

		if (!c || (sort && !c->compare))
			return err_set(err, -EINVAL, "unknown option \"%s\"", *p);
		if (strv_has(taken, *p))
			return err_set(err, -EINVAL, "duplicated option \"%s\"", *p);
		strv_add(&taken, *p);
	}
	strv_free(*list);
	*list = TAKE(taken);
	return 0;
}

static int take_order(void *args, const struct opt *opt, const char *value, struct err *err)
{
	struct image_list_args *a = args;

	a->descending = str_eq(value, "desc");
	if (!a->descending && !str_eq(value, "asc"))
		return err_set(err, -EINVAL, "wrong sort order");
	return 0;
}

#define AT(member) offsetof(struct image_list_args, member)
const struct opt image_list_opts[] = {
	{ "fields", 0, OPT_CALL, 0, "FIELD,…", "columns: id, name, size, total, importtime, lastused, verified",
	  .def = "id,name,size,importtime,lastused", .call = take_fields },
	FORMAT_OPT(AT(format)),
	{ "full", 0, OPT_FLAG, AT(full), NULL, "print long output format" },
	{ "no-legend", 0, OPT_FLAG, AT(no_legend), NULL, "suppress a legend with the list" },
	{ "order", 0, OPT_CALL, 0, "asc|desc", "sort ascending or descending", .def = "asc", .call = take_order },
	{ "sort", 0, OPT_CALL, 0, "name|importtime|lastused|size|total", "fields to sort by", .def = "importtime",
	  .call = take_fields },
	{}
};

/* --- printing ------------------------------------------------------------ */

static int compare(const void *x, const void *y, void *arg)
{
	static char *const default_sort[] = { (char *)"importtime", NULL };
	const struct image_list_args *a = arg;
	const struct image_info *p = x, *q = y;
	int order = 0;

	for (char *const *s = a->sort ? a->sort : default_sort; *s && !order; s++)
		order = column(*s)->compare(p, q);
	if (!order)	/* always the same list for the same store */
		return strcmp(p->id, q->id) ?: by_name(p, q);
	return a->descending ? -order : order;
}

void image_list_sort(struct image_info *list, size_t n, const struct image_list_args *a)
{
	if (n)
		qsort_r(list, n, sizeof(*list), compare, (void *)a);
}

char *image_list_table(const struct image_info *list, size_t n, const struct image_list_args *a, int64_t now_ns)
{
	AUTO(strv_free) char **fields = a->fields ? strv_copy(a->fields) :
				       strv_split("id,name,size,importtime,lastused", ',');
	AUTO(table_clear) struct table t = {};
	struct buf out = {};

	for (char **f = fields; *f && !a->no_legend; f++)
		table_cell(&t, column(*f)->title);
	for (size_t i = 0; i < n; i++) {
		table_row(&t);
		for (char **f = fields; *f; f++) {
			AUTO(free) char *cell = column(*f)->cell(&list[i], a, now_ns);

			table_cell(&t, cell);
		}
	}
	table_write(&t, &out);
	return buf_steal(&out);
}

char *image_list_json(const struct image_info *list, size_t n, const struct image_list_args *a)
{
	struct json_writer *w = json_writer_new(a->format == FORMAT_JSON_PRETTY);

	if (!n)
		json_write_text(w, NULL, NULL);
	else
		json_open_array(w, NULL);
	for (size_t i = 0; i < n; i++) {
		AUTO(free) char *name = shown_name(&list[i]);

		json_open_object(w, NULL);
		json_write_text(w, "id", list[i].id);
		json_write_text(w, "name", name);
		json_write_i64(w, "import_time", list[i].import_time);
		json_write_i64(w, "last_used_time", list[i].last_used);
		json_write_i64(w, "size", own_size(&list[i]));
		if (list[i].verified_by)
			json_write_text(w, "verified_by", list[i].verified_by);
		json_write_bool(w, "trusted", image_is_verified(a->engine, &list[i]));
		json_close(w);
	}
	if (n)
		json_close(w);
	return json_writer_finish(w);
}
