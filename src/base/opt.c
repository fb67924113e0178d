#include "base/opt.h"

#include <stdint.h>
#include <string.h>

#include "base/human.h"
#include "base/log.h"
#include "base/table.h"

/* Rows of several tables one after the other. */
#define FOR_EACH_OPT(o, tables)                                          \
	for (const struct opt *const *t_ = (tables); *t_; t_++)           \
		for (const struct opt *o = *t_; o->name; o++)

int bool_parse(const char *s, bool *ret)
{
	static const char *const words[] = {
		"1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False",
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (!str_eq(s, words[i]))
			continue;
		*ret = i < ARRAY_LEN(words) / 2;
		return 0;
	}
	return -EINVAL;
}

static void add_parts(char ***list, const char *value)
{
	char **parts = strv_split(value, ',');

	for (size_t i = 0; parts && parts[i]; i++)
		strv_take(list, parts[i]);
	free(parts);
}

/* Puts one value where it belongs. err is set without the words around it. */
static int store(const struct opt *o, void *args, const char *value, struct err *err)
{
	void *at = (char *)args + o->at;
	int64_t duration = 0;
	int r = 0;

	switch (o->type) {
	case OPT_FLAG:
		r = bool_parse(value, at);
		return r < 0 ? err_set(err, r, "neither true nor false") : 0;
	case OPT_STRING:
		*(const char **)at = value;
		return 0;
	case OPT_STRV:
		strv_add(at, value);
		return 0;
	case OPT_LIST:
		add_parts(at, value);
		return 0;
	case OPT_DURATION:
		r = duration_parse(value, &duration);
		if (r < 0)
			return err_set(err, r, "no duration such as 30s, 10m or 1h30m");
		if (duration < 0)
			return err_set(err, -EINVAL, "a negative duration");
		*(int64_t *)at = duration;
		return 0;
	case OPT_CALL:
		return o->call(args, o, value, err);
	}
	return -EINVAL;
}

void opt_defaults(const struct opt_set *set)
{
	FOR_EACH_OPT(o, set->tables)
		if (o->def && o->type != OPT_CALL)
			(void)store(o, set->args, o->def, NULL);
}

static const char *bare_value(const struct opt *o)
{
	return o->type == OPT_FLAG ? "true" : o->bare;
}

bool opt_needs_value(const struct opt *o) { return !bare_value(o); }
bool opt_is_listed(const struct opt *o) { return !(o->flags & OPT_HIDDEN) && !o->deprecated; }

/* By its long name (len bytes of it) or, name NULL, by its letter. */
static const struct opt *look_up(const struct opt *const *tables, const char *name, size_t len, char letter)
{
	FOR_EACH_OPT(o, tables)
		if (name ? !strncmp(o->name, name, len) && !o->name[len] : o->letter == letter)
			return o;
	return NULL;
}

const struct opt *opt_find(const struct opt *const *tables, const char *name)
{
	return look_up(tables, name, strlen(name), 0);
}

static const struct opt *find_in_sets(const struct opt_set *sets, size_t n, const char *name, size_t len,
				      char letter, void **ret_args)
{
	for (size_t i = 0; i < n; i++) {
		const struct opt *o = look_up(sets[i].tables, name, len, letter);

		*ret_args = sets[i].args;
		if (o)
			return o;
	}
	return NULL;
}

/* The value that stands in the word itself, else the bare one, else the next word. Returns the words used. */
static int find_value(const struct opt *o, const char *own, char *const *argv, const char **ret, struct err *err)
{
	*ret = own ? own : bare_value(o);
	if (*ret)
		return 1;
	if (!argv[1])
		return err_set(err, -ERR_USAGE, "flag needs an argument: %s", argv[0]);
	*ret = argv[1];
	return 2;
}

static int apply(const struct opt *o, void *args, const char *own, char *const *argv, struct err *err)
{
	AUTO(err_clear) struct err why = {};
	const char *value = NULL;
	int r, words;

	words = find_value(o, own, argv, &value, err);
	if (words < 0)
		return words;
	r = store(o, args, value, &why);
	if (r < 0) {
		AUTO(free) char *reason = err_text(&why);

		return err_set(err, -ERR_USAGE, "invalid argument \"%s\" for %s: %s", value, argv[0], reason);
	}
	if (o->deprecated)
		log_info("Flag --%s has been deprecated, %s", o->name, o->deprecated);
	return words;
}

/* "-x", "-xVALUE", "-x=VALUE"; flags may stand together: "-xy". */
static int take_letters(const struct opt_set *sets, size_t n, char *const *argv, struct err *err)
{
	const struct opt *o;
	void *args;
	int r;

	for (const char *p = argv[0] + 1; *p; p++) {
		o = find_in_sets(sets, n, NULL, 0, *p, &args);
		if (!o)
			return err_set(err, -ERR_USAGE, "unknown shorthand flag: '%c' in %s", *p, argv[0]);
		if (p[1] == '=')
			return apply(o, args, p + 2, argv, err);
		if (opt_needs_value(o))
			return apply(o, args, p[1] ? p + 1 : NULL, argv, err);
		r = apply(o, args, NULL, argv, err);
		if (r < 0)
			return r;
	}
	return 1;
}

int opt_take(const struct opt_set *sets, size_t n, char *const *argv, struct err *err)
{
	const char *word = argv[0], *name, *value;
	const struct opt *o;
	void *args;
	size_t len;

	if (!word || word[0] != '-' || !word[1] || str_eq(word, "--"))
		return 0;
	if (word[1] != '-')
		return take_letters(sets, n, argv, err);
	name = word + 2;
	len = strcspn(name, "=");
	value = name[len] ? name + len + 1 : NULL;
	if (!len || name[0] == '-')
		return err_set(err, -ERR_USAGE, "bad flag syntax: %s", word);
	o = find_in_sets(sets, n, name, len, 0, &args);
	if (!o)
		return err_set(err, -ERR_USAGE, "unknown flag: --%.*s", (int)len, name);
	return apply(o, args, value, argv, err);
}

int opt_parse(const struct opt_set *sets, size_t n, char *const *argv, bool first_ends, char ***ret_rest,
	      struct err *err)
{
	AUTO(strv_free) char **rest = NULL;
	int words;

	while (*argv) {
		words = opt_take(sets, n, argv, err);
		if (words < 0)
			return words;
		argv += words;
		if (words)
			continue;
		if (str_eq(*argv, "--")) {
			argv++;
			break;
		}
		if (first_ends)
			break;
		strv_add(&rest, *argv++);
	}
	while (*argv)
		strv_add(&rest, *argv++);
	*ret_rest = TAKE(rest);
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp((*(const struct opt *const *)a)->name, (*(const struct opt *const *)b)->name);
}

const struct opt **opt_sorted(const struct opt *const *tables)
{
	const struct opt **list;
	size_t n = 0;

	FOR_EACH_OPT(o, tables)
		n++;
	list = xcalloc(n + 1, sizeof(struct opt *));
	n = 0;
	FOR_EACH_OPT(o, tables)
		if (opt_is_listed(o))
			list[n++] = o;
	qsort(list, n, sizeof(struct opt *), compare_names);
	return list;
}

void opt_help(struct buf *out, const struct opt *const *tables)
{
	AUTO(free) const struct opt **list = opt_sorted(tables);
	AUTO(table_clear) struct table table = {};

	for (const struct opt **o = list; *o; o++) {
		bool quoted = (*o)->type == OPT_STRING || (*o)->type == OPT_CALL;
		bool optional = !opt_needs_value(*o);
		const char *def = (*o)->def ? (*o)->def : (*o)->type == OPT_FLAG ? "false" : "";
		AUTO(free) char *letter = (*o)->letter ? xasprintf("-%c, ", (*o)->letter) : xstrdup("    ");

		table_row(&table);
		table_cellf(&table, "  %s--%s%s=%s%s%s%s", letter, (*o)->name, optional ? "[" : "",
			    quoted ? "\"" : "", def, quoted ? "\"" : "", optional ? "]" : "");
		table_cell(&table, (*o)->help);
	}
	table_write(&table, out);
}

void opt_clear(const struct opt_set *set)
{
	FOR_EACH_OPT(o, set->tables)
		if (o->type == OPT_STRV || o->type == OPT_LIST) {
			char ***list = (char ***)((char *)set->args + o->at);

			strv_free(*list);
			*list = NULL;
		}
}
