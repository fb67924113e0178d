#include "base/json.h"

#include <string.h>

/* Where decoding is: a list from the innermost member outwards, on the stack. */
struct place {
	const struct place *up;
	const char *key;	/* NULL: an element of the list that up names */
	size_t index;
};

static char *place_text(const struct place *place)
{
	AUTO(free) char *outer = NULL;

	if (!place)
		return xstrdup("");
	outer = place_text(place->up);
	if (!place->key)
		return xasprintf("%s[%zu]", outer, place->index);
	return xasprintf("%s%s%s", outer, *outer ? "." : "", place->key);
}

static int fail_at(const struct place *place, struct err *err, const char *words)
{
	AUTO(free) char *where = NULL;

	if (!err)
		return -ERR_BAD_INPUT;
	where = place_text(place);
	return err_set(err, -ERR_BAD_INPUT, "%s%s%s", where, *where ? ": " : "", words);
}

static int decode_object(const struct json_value *v, const struct json_field *fields, void *object,
			 const struct place *place, struct err *err);

static size_t count_children(const struct json_value *v)
{
	size_t n = 0;

	for (v = v->child; v; v = v->next)
		n++;
	return n;
}

static int decode_int(const struct json_value *v, int64_t *ret, const struct place *place, struct err *err)
{
	int r = json_i64(v, ret);

	if (r == -ERANGE)
		return fail_at(place, err, "out of range");
	if (r < 0)
		return fail_at(place, err, v->kind == JSON_NUMBER ? "not a whole number" : "not a number");
	return 0;
}

static int decode_bool(const struct json_value *v, bool *ret, const struct place *place, struct err *err)
{
	if (v->kind != JSON_TRUE && v->kind != JSON_FALSE)
		return fail_at(place, err, "not true or false");
	*ret = v->kind == JSON_TRUE;
	return 0;
}

static int decode_string(const struct json_value *v, char **ret, const struct place *place, struct err *err)
{
	if (v->kind != JSON_TEXT)
		return fail_at(place, err, "not a string");
	*ret = xstrdup(v->text);
	return 0;
}

static int decode_strv(const struct json_value *v, char ***ret, const struct place *place, struct err *err)
{
	struct place here = { .up = place };
	char **strv;
	int r = 0;

	if (v->kind != JSON_ARRAY)
		return fail_at(place, err, "not a list");
	*ret = strv = xcalloc(count_children(v) + 1, sizeof(char *));
	for (v = v->child; v && r >= 0; v = v->next, here.index++)
		r = decode_string(v, &strv[here.index], &here, err);
	return r;
}

static int decode_map(const struct json_value *v, char ***ret, const struct place *place, struct err *err)
{
	struct place here = { .up = place };
	char **strv;

	if (v->kind != JSON_DICT)
		return fail_at(place, err, "not an object");
	*ret = strv = xcalloc(count_children(v) + 1, sizeof(char *));
	for (v = v->child; v; v = v->next) {
		here.key = v->key;
		if (strchr(v->key, '='))
			return fail_at(&here, err, "'=' in a key");
		if (v->kind != JSON_TEXT)
			return fail_at(&here, err, "not a string");
		*strv++ = xasprintf("%s=%s", v->key, v->text);
	}
	return 0;
}

/* A list of numbers or structs: the pointer, and right after it how many. */
struct list {
	void *items;
	size_t n;
};

static int decode_intv(const struct json_value *v, struct list *list, const struct place *place, struct err *err)
{
	struct place here = { .up = place };
	int64_t *items;
	int r = 0;

	if (v->kind != JSON_ARRAY)
		return fail_at(place, err, "not a list");
	list->items = items = xcalloc(count_children(v), sizeof(*items));
	for (v = v->child; v && r >= 0; v = v->next, here.index = ++list->n)
		r = decode_int(v, &items[list->n], &here, err);
	return r;
}

static int decode_list(const struct json_value *v, const struct json_field *field, struct list *list,
		       const struct place *place, struct err *err)
{
	struct place here = { .up = place };
	int r = 0;

	if (v->kind != JSON_ARRAY)
		return fail_at(place, err, "not a list");
	list->items = xcalloc(count_children(v), field->size);
	for (v = v->child; v && r >= 0; v = v->next) {
		here.index = list->n++;		/* counted first: what a failure leaves half done is freed too */
		r = decode_object(v, field->fields, (char *)list->items + here.index * field->size, &here, err);
	}
	return r;
}

static int decode_field(const struct json_value *v, const struct json_field *field, void *at,
			const struct place *place, struct err *err)
{
	switch (field->type) {
	case JSON_STRING:
		return decode_string(v, at, place, err);
	case JSON_STRV:
		return decode_strv(v, at, place, err);
	case JSON_MAP:
		return decode_map(v, at, place, err);
	case JSON_INTV:
		return decode_intv(v, at, place, err);
	case JSON_LIST:
		return decode_list(v, field, at, place, err);
	case JSON_BOOL:
		return decode_bool(v, at, place, err);
	case JSON_INT:
		return decode_int(v, at, place, err);
	case JSON_OPT_BOOL:
		((struct json_opt_bool *)at)->set = true;
		return decode_bool(v, &((struct json_opt_bool *)at)->value, place, err);
	case JSON_OPT_INT:
		((struct json_opt_int *)at)->set = true;
		return decode_int(v, &((struct json_opt_int *)at)->value, place, err);
	case JSON_OBJECT:
		return decode_object(v, field->fields, at, place, err);
	case JSON_PTR:
		*(void **)at = xcalloc(1, field->size);
		return decode_object(v, field->fields, *(void **)at, place, err);
	case JSON_RAW: {
		struct json_writer *w = json_writer_new(false);

		json_write_value(w, NULL, v);
		*(char **)at = json_writer_finish(w);
		return 0;
	}
	}
	return 0;
}

static int decode_object(const struct json_value *v, const struct json_field *fields, void *object,
			 const struct place *place, struct err *err)
{
	int r;

	if (v->kind != JSON_DICT)
		return fail_at(place, err, "not an object");
	for (const struct json_field *field = fields; field->key; field++) {
		struct place here = { .up = place, .key = field->key };
		const struct json_value *member = json_get(v, field->key);

		if (member && member->kind != JSON_NULL) {
			r = decode_field(member, field, (char *)object + field->at, &here, err);
			if (r < 0)
				return r;
		} else if (field->flags & JSON_REQUIRED) {
			return fail_at(&here, err, "missing");
		}
	}
	return 0;
}

int json_decode(const struct json_value *v, const struct json_field *fields, void *object, struct err *err)
{
	int r = decode_object(v, fields, object, NULL, err);

	if (r < 0)
		json_clear(fields, object);
	return r;
}

int json_decode_text(const char *text, size_t len, const struct json_field *fields, void *object,
		     struct err *err)
{
	AUTO(json_free) struct json *json = NULL;
	int r;

	r = json_parse(text, len, &json, err);
	if (r < 0)
		return r;
	return json_decode(json_root(json), fields, object, err);
}

static void encode_strv(struct json_writer *w, const char *key, char *const *strv)
{
	json_open_array(w, key);
	for (; strv && *strv; strv++)
		json_write_text(w, NULL, *strv);
	json_close(w);
}

static void encode_map(struct json_writer *w, const char *key, char *const *strv)
{
	json_open_object(w, key);
	for (; strv && *strv; strv++) {
		const char *value = strchr(*strv, '=');
		AUTO(free) char *name = xstrndup(*strv, value ? (size_t)(value - *strv) : strlen(*strv));

		json_write_text(w, name, value ? value + 1 : "");
	}
	json_close(w);
}

static void encode_list(struct json_writer *w, const struct json_field *field, const struct list *list)
{
	json_open_array(w, field->key);
	for (size_t i = 0; i < list->n; i++) {
		if (field->type == JSON_INTV)
			json_write_i64(w, NULL, ((int64_t *)list->items)[i]);
		else
			json_encode(w, NULL, field->fields, (char *)list->items + i * field->size);
	}
	json_close(w);
}

/* Raw text is ours, by decoding or by the program, so it parses unless it is beyond a limit. */
static void encode_raw(struct json_writer *w, const char *key, const char *text)
{
	AUTO(json_free) struct json *json = NULL;

	if (text && json_parse(text, strlen(text), &json, NULL) >= 0)
		json_write_value(w, key, json_root(json));
	else
		json_write_text(w, key, NULL);
}

/* Members that know they are absent, or that are empty and may be left out. */
static bool is_left_out(const struct json_field *field, const void *at)
{
	bool omit = field->flags & JSON_OMIT_EMPTY;

	switch (field->type) {
	case JSON_STRING:
	case JSON_RAW:
		return omit && (!*(char *const *)at || !**(char *const *)at);
	case JSON_STRV:
	case JSON_MAP:
		return omit && !strv_len(*(char **const *)at);
	case JSON_INTV:
	case JSON_LIST:
		return omit && !((const struct list *)at)->n;
	case JSON_BOOL:
		return omit && !*(const bool *)at;
	case JSON_INT:
		return omit && !*(const int64_t *)at;
	case JSON_OPT_BOOL:
		return !((const struct json_opt_bool *)at)->set;
	case JSON_OPT_INT:
		return !((const struct json_opt_int *)at)->set;
	case JSON_PTR:
		return omit && !*(void *const *)at;
	case JSON_OBJECT:
		return false;
	}
	return false;
}

static void encode_field(struct json_writer *w, const struct json_field *field, const void *at)
{
	switch (field->type) {
	case JSON_STRING:
		json_write_text(w, field->key, *(char *const *)at);
		break;
	case JSON_RAW:
		encode_raw(w, field->key, *(char *const *)at);
		break;
	case JSON_STRV:
		encode_strv(w, field->key, *(char **const *)at);
		break;
	case JSON_MAP:
		encode_map(w, field->key, *(char **const *)at);
		break;
	case JSON_INTV:
	case JSON_LIST:
		encode_list(w, field, at);
		break;
	case JSON_BOOL:
		json_write_bool(w, field->key, *(const bool *)at);
		break;
	case JSON_INT:
		json_write_i64(w, field->key, *(const int64_t *)at);
		break;
	case JSON_OPT_BOOL:
		json_write_bool(w, field->key, ((const struct json_opt_bool *)at)->value);
		break;
	case JSON_OPT_INT:
		json_write_i64(w, field->key, ((const struct json_opt_int *)at)->value);
		break;
	case JSON_PTR:
		at = *(void *const *)at;
		if (!at)
			json_write_text(w, field->key, NULL);
		else
			json_encode(w, field->key, field->fields, at);
		break;
	case JSON_OBJECT:
		json_encode(w, field->key, field->fields, at);
		break;
	}
}

void json_encode(struct json_writer *w, const char *key, const struct json_field *fields, const void *object)
{
	json_open_object(w, key);
	for (; fields->key; fields++) {
		const void *at = (const char *)object + fields->at;

		if (!is_left_out(fields, at))
			encode_field(w, fields, at);
	}
	json_close(w);
}

char *json_encode_text(const struct json_field *fields, const void *object, bool indent)
{
	struct json_writer *w = json_writer_new(indent);

	json_encode(w, NULL, fields, object);
	return json_writer_finish(w);
}

static void duplicate_list(const struct json_field *field, const struct list *from, struct list *to)
{
	size_t size = field->type == JSON_INTV ? sizeof(int64_t) : field->size;

	to->items = from->n ? xcalloc(from->n, size) : NULL;
	to->n = from->n;
	for (size_t i = 0; field->type == JSON_LIST && i < from->n; i++)
		json_duplicate(field->fields, (char *)from->items + i * size, (char *)to->items + i * size);
	if (field->type == JSON_INTV && from->n)
		memcpy(to->items, from->items, from->n * size);
}

/* Of those that own nothing: copied and cleared as bytes. The others are 0 here. */
static const size_t scalar_sizes[] = {
	[JSON_BOOL] = sizeof(bool), [JSON_INT] = sizeof(int64_t), [JSON_OPT_BOOL] = sizeof(struct json_opt_bool),
	[JSON_OPT_INT] = sizeof(struct json_opt_int), [JSON_RAW] = 0,
};

static void duplicate_field(const struct json_field *field, const void *from, void *to)
{
	memcpy(to, from, scalar_sizes[field->type]);
	switch (field->type) {
	case JSON_STRING:
	case JSON_RAW:
		*(char **)to = xstrdup(*(char *const *)from);
		break;
	case JSON_STRV:
	case JSON_MAP:
		*(char ***)to = strv_copy(*(char **const *)from);
		break;
	case JSON_INTV:
	case JSON_LIST:
		duplicate_list(field, from, to);
		break;
	case JSON_PTR:
		if (!*(void *const *)from)
			break;
		*(void **)to = xcalloc(1, field->size);
		json_duplicate(field->fields, *(void *const *)from, *(void **)to);
		break;
	case JSON_OBJECT:
		json_duplicate(field->fields, from, to);
		break;
	default:
		break;
	}
}

void json_duplicate(const struct json_field *fields, const void *from, void *to)
{
	for (; fields->key; fields++)
		duplicate_field(fields, (const char *)from + fields->at, (char *)to + fields->at);
}

static void clear_list(const struct json_field *field, struct list *list)
{
	for (size_t i = 0; field->type == JSON_LIST && i < list->n; i++)
		json_clear(field->fields, (char *)list->items + i * field->size);
	free(list->items);
	*list = (struct list){};
}

static void clear_field(const struct json_field *field, void *at)
{
	memset(at, 0, scalar_sizes[field->type]);
	switch (field->type) {
	case JSON_STRING:
	case JSON_RAW:
		free(*(char **)at);
		*(char **)at = NULL;
		break;
	case JSON_STRV:
	case JSON_MAP:
		strv_free(*(char ***)at);
		*(char ***)at = NULL;
		break;
	case JSON_INTV:
	case JSON_LIST:
		clear_list(field, at);
		break;
	case JSON_PTR:
		if (*(void **)at)
			json_clear(field->fields, *(void **)at);
		free(*(void **)at);
		*(void **)at = NULL;
		break;
	case JSON_OBJECT:
		json_clear(field->fields, at);
		break;
	default:
		break;
	}
}

void json_clear(const struct json_field *fields, void *object)
{
	for (; fields->key; fields++)
		clear_field(fields, (char *)object + fields->at);
}
