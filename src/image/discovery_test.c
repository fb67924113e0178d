#include "image/discovery.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"

/* The values joined by a space, "" for none. */
static char *tags(const char *html, const char *kind, const char *name)
{
	AUTO(strv_free) char **values = discovery_tags(html, strlen(html), kind, name);

	return strv_join(values, " ");
}

#define TAG(name, content) "<meta name=\"" name "\" content=\"" content "\">"

static const struct { const char *html, *name, *values; } cases[] = {
	{ TAG("ac-discovery", "example.com https://a/{name}"), "example.com/app", "https://a/{name}" },
	{ TAG("ac-discovery", "example.com 1") TAG("ac-discovery", "example.com 2"), "example.com/app", "1 2" },
	{ TAG("ac-discovery-pubkeys", "example.com 1"), "example.com/app", "" },
	/* a prefix ends at a "/" */
	{ TAG("ac-discovery", "example.com/foo 1"), "example.com/foo/bar", "1" },
	{ TAG("ac-discovery", "example.com/foo 1"), "example.com/foo", "1" },
	{ TAG("ac-discovery", "example.com/foo 1"), "example.com/foobar", "" },
	{ TAG("ac-discovery", "example.co 1"), "example.com/foo", "" },
	{ TAG("ac-discovery", "other.com 1"), "example.com/foo", "" },
	/* both words, no more */
	{ TAG("ac-discovery", "example.com"), "example.com/foo", "" },
	{ TAG("ac-discovery", " example.com\n\t1 "), "example.com/foo", "1" },
	{ TAG("ac-discovery", "example.com 1 2"), "example.com/foo", "" },
	{ TAG("ac-discovery", ""), "example.com/foo", "" },
	/* what HTML is like */
	{ "<META CONTENT='a.com 1' NAME='ac-discovery' />", "a.com/x", "1" },
	{ "<meta name=ac-discovery content='a.com 1&amp;2'>", "a.com/x", "1&2" },
	{ "<meta name=ac-discovery name=x content='a.com 1' content='a.com 2'>", "a.com/x", "1" },
	{ "<!doctype html><html><head><title><meta name=ac-discovery content='a.com 1'></title>", "a.com", "" },
	{ "<!-- <meta name=ac-discovery content='a.com 1'> --><meta name=ac-discovery content='a.com 2'>", "a.com", "2" },
	{ "<script>'<meta name=ac-discovery content=\"a.com 1\">'</script>", "a.com", "" },
	{ "<head></head><meta name=ac-discovery content='a.com 1'>", "a.com", "" },
	{ "<body><meta name=ac-discovery content='a.com 1'>", "a.com", "" },
	/* broken pages */
	{ "<meta name=ac-discovery content='a.com 1'", "a.com", "" },
	{ "<meta name=ac-discovery content='a.com 1", "a.com", "" },
	{ "<<meta = name=ac-discovery content='a.com 1'>", "a.com", "1" },
	{ "<meta =", "a.com", "" }, { "<", "a.com", "" }, { "</", "a.com", "" }, { "", "a.com", "" },
};

static void finding_tags(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free) char *values = tags(cases[i].html, DISCOVERY_IMAGE, cases[i].name);

		print_message("%s\n", cases[i].html);
		assert_string_equal(values, cases[i].values);
	}
}

static void finding_keys(void **state)
{
	AUTO(free) char *keys = tags(TAG("ac-discovery", "a.com 1") TAG("ac-discovery-pubkeys", "a.com 2")
				     TAG("ac-discovery-pubkeys", "a.com 3"), DISCOVERY_KEYS, "a.com/app");

	assert_string_equal(keys, "2 3");
}

static void endless_tags(void **state)
{
	struct { char *text; size_t n; } page = { xstrdup(""), 2000 };
	AUTO(strv_free) char **values = NULL;
	static const char tag[] = TAG("ac-discovery", "a.com 1");

	page.text = xreallocarray(page.text, page.n, sizeof(tag));
	for (size_t i = 0; i < page.n; i++)
		memcpy(page.text + i * (sizeof(tag) - 1), tag, sizeof(tag) - 1);
	values = discovery_tags(page.text, page.n * (sizeof(tag) - 1), DISCOVERY_IMAGE, "a.com");
	assert_int_equal(strv_len(values), 64);
	free(page.text);
}

static void templates(void **state)
{
	static const struct { const char *template, *url; } renders[] = {
		{ "https://x/{os}/{arch}/{name}-{version}.{ext}", "https://x/linux/amd64/a.com/app-1.0.aci" },
		{ "https://x/plain.aci", "https://x/plain.aci" },
		{ "https://x/{unknown}", NULL },
		{ "https://x/{os", NULL },
		{ "https://x/{odd}", "https://x/%7Bos%7D%20%3F%23" },
		{ "https://x/{}", NULL },
	};
	struct label labels[] = {
		{ (char[]){ "os" }, (char[]){ "linux" } }, { (char[]){ "arch" }, (char[]){ "amd64" } },
		{ (char[]){ "version" }, (char[]){ "1.0" } }, { (char[]){ "odd" }, (char[]){ "{os} ?#" } },
		{ (char[]){ "name" }, (char[]){ "ignored" } },
	};
	AUTO(free) char *latest = discovery_render("{version}", "a.com/app", labels, 2, "aci");

	for (size_t i = 0; i < ARRAY_LEN(renders); i++) {
		AUTO(free) char *url = discovery_render(renders[i].template, "a.com/app", labels,
							ARRAY_LEN(labels), "aci");

		if (renders[i].url)
			assert_string_equal(url, renders[i].url);
		else
			assert_null(url);
	}
	assert_string_equal(latest, "latest");
}

static void pages(void **state)
{
	AUTO(free) char *path = xstrdup("a.com/b/c");
	AUTO(free) char *page = discovery_page("https", path);

	assert_string_equal(page, "https://a.com/b/c?ac-discovery=1");
	assert_true(discovery_parent(path));
	assert_string_equal(path, "a.com/b");
	assert_true(discovery_parent(path));
	assert_string_equal(path, "a.com");
	assert_false(discovery_parent(path));
}

static void signatures(void **state)
{
	static const struct { const char *image, *signature; } urls[] = {
		{ "https://a/x.aci", "https://a/x.aci.asc" },
		{ "https://a/x.aci?t=1.aci", "https://a/x.aci.asc?t=1.aci" },
		{ "https://a/x.tar", NULL },
		{ "https://a/x?y=.aci", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		AUTO(free) char *url = discovery_signature_url(urls[i].image);

		if (urls[i].signature)
			assert_string_equal(url, urls[i].signature);
		else
			assert_null(url);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finding_tags), cmocka_unit_test(finding_keys), cmocka_unit_test(endless_tags),
		cmocka_unit_test(templates), cmocka_unit_test(pages), cmocka_unit_test(signatures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
