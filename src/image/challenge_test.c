#include "image/challenge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"

/* "scheme realm service scope; …", "-" for what is not there. */
static char *told(const char *text)
{
	struct challenge *list = NULL;
	struct buf out = {};
	size_t n = 0;

	if (challenge_parse(text, &list, &n, NULL) < 0)
		return xstrdup("refused");
	for (size_t i = 0; i < n; i++)
		buf_addf(&out, "%s%s %s %s %s", i ? "; " : "", list[i].scheme, list[i].realm ?: "-",
			 list[i].service ?: "-", list[i].scope ?: "-");
	challenges_free(list, n);
	return buf_steal(&out);
}

static void reading(void **state)
{
	static const struct { const char *text, *told; } cases[] = {
		{ "Bearer realm=\"https://a/t\",service=\"r\",scope=\"repository:x:pull\"",
		  "bearer https://a/t r repository:x:pull" },
		{ "BEARER Realm = \"https://a/t\" , SERVICE=r", "bearer https://a/t r -" },
		{ "Basic realm=\"a \\\"b\\\" c\"", "basic a \"b\" c - -" },
		{ "Basic", "basic - - -" },
		{ "Basic, Bearer realm=\"u\"", "basic - - -; bearer u - -" },
		{ "Bearer realm=\"u\",error=\"invalid_token\", Basic realm=\"x, y\"", "bearer u - -; basic x, y - -" },
		{ "Negotiate, Negotiate YII=, Bearer realm=u,, ,", "negotiate - - -; negotiate - - -; bearer u - -" },
		{ ", ,", "" },
		{ "", "" },
		{ "Bearer realm=\"a\",realm=\"b\"", "refused" },
		{ "Bearer realm=\"a", "refused" },
		{ "Bearer realm=\"a\\", "refused" },
		{ "Bearer realm=\"a\"b", "refused" },
		{ "Bearer realm=\"a\" service=\"b\"", "refused" },
		{ "Bearer realm=", "bearer - - -" },	/* a token68, and no realm */
		{ "Bearer realm=(x)", "refused" },
		{ "Bearer =x", "refused" },
		{ "realm=\"a\"", "refused" },
		{ "Bearer realm=\"a\r\nX: y\"", "refused" },
		{ "Bearer realm=\"\xc3\xa9\"", "refused" },
		{ "(x)", "refused" },
		{ "a, b, c, d, e, f, g, h, i", "refused" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free) char *got = told(cases[i].text);

		assert_string_equal(got, cases[i].told);
	}
}

static void limits(void **state)
{
	char *text = xcalloc(1, CHALLENGE_TEXT_MAX + 2);
	struct challenge *list = NULL;
	size_t n;

	memset(text, 'x', CHALLENGE_TEXT_MAX + 1);
	assert_int_equal(challenge_parse(text, &list, &n, NULL), -E2BIG);
	text[CHALLENGE_TEXT_MAX] = 0;
	assert_int_equal(challenge_parse(text, &list, &n, NULL), 0);
	challenges_free(list, n);
	free(text);
}

static void finding(void **state)
{
	struct challenge list[] = { { (char[]){ "basic" } }, { (char[]){ "bearer" } } };

	assert_ptr_equal(challenge_find(list, 2, "bearer"), &list[1]);
	assert_null(challenge_find(list, 2, "digest"));
	assert_null(challenge_find(NULL, 0, "basic"));
}

static void places(void **state)
{
	static const struct { const char *realm, *service, *scope, *url; } cases[] = {
		{ "https://a.com/token", "r.com", "repository:x:pull",
		  "https://a.com/token?service=r.com&scope=repository%3ax%3apull" },
		{ "https://a.com/token", NULL, NULL, "https://a.com/token?scope=repository%3amine%3apull" },
		{ "https://a.com:1/t?a=b", "r&s=t", "x y", "https://a.com:1/t?a=b&service=r%26s%3dt&scope=x&scope=y" },
		{ "http://a.com/t#part", NULL, "aws", "http://a.com/t?scope=aws" },
		{ "https://user:secret@a.com/t", NULL, NULL, NULL },
		{ "https://user@a.com/t", NULL, NULL, NULL },
		{ "file:///etc/passwd", NULL, NULL, NULL },
		{ "a.com/t", NULL, NULL, NULL },
		{ "https://", NULL, NULL, NULL },
		{ "https://a b/t", NULL, NULL, NULL },
		{ NULL, "r.com", NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free) char *realm = xstrdup(cases[i].realm);
		AUTO(free) char *service = xstrdup(cases[i].service);
		AUTO(free) char *scope = xstrdup(cases[i].scope);
		AUTO(free) char *url = NULL;
		struct challenge c = { (char[]){ "bearer" }, realm, service, scope };
		int r = challenge_url(&c, "repository:mine:pull", &url, NULL);

		assert_int_equal(r, cases[i].url ? 0 : -ERR_BAD_INPUT);
		if (cases[i].url)
			assert_int_equal(strcasecmp(url, cases[i].url), 0);	/* %3a or %3A is the library's choice */
		else
			assert_null(url);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reading), cmocka_unit_test(limits), cmocka_unit_test(finding),
		cmocka_unit_test(places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
