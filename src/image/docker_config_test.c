#include "image/docker_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static const char config[] =
	"{ \"auths\": {"
	"    \"https://index.docker.io/v1/\": { \"auth\": \"Zm9vOmJhcg==\" },"
	"    \"quay.io\": { \"auth\": \"aWdub3JlZDo=\", \"identitytoken\": \"refresh\" },"
	"    \"http://Plain.com:5000/v2/\": { \"username\": \"foo\", \"password\": \"bar\" },"
	"    \"bearer.com\": { \"registrytoken\": \"abc\" },"
	"    \"exact.com\": { \"auth\": \"Zm9vOmJhcg==\" }, \"https://exact.com\": { \"auth\": \"YTpi\" },"
	"    \"path.com/team/app\": { \"auth\": \"Zm9vOmJhcg==\" },"
	"    \"broken.com\": { \"auth\": \"!\" }, \"colon.com\": { \"auth\": \"Zm9v\" },"
	"    \"nul.com\": { \"auth\": \"YToAYg==\" },"
	"    \"empty.com\": {}, \"list.com\": [], \"stored.com\": {}"
	"  },"
	"  \"credHelpers\": { \"stored.com\": \"pass\", \"https://docker.io\": \"never\" },"
	"  \"credsStore\": \"desktop\", \"HttpHeaders\": {} }";

static void lookups(void **state)
{
	static const struct { const char *host, *authorization, *identity, *helper; } cases[] = {
		{ "registry-1.docker.io", "Basic Zm9vOmJhcg==", NULL, NULL },
		{ "quay.io", NULL, "refresh", NULL },
		{ "plain.com:5000", "Basic Zm9vOmJhcg==", NULL, NULL },
		{ "plain.com", NULL, NULL, "docker-credential-desktop" },
		{ "bearer.com", "Bearer abc", NULL, NULL },
		{ "exact.com", "Basic Zm9vOmJhcg==", NULL, NULL },
		{ "path.com", NULL, NULL, "docker-credential-desktop" },
		{ "broken.com", NULL, NULL, "docker-credential-desktop" },
		{ "colon.com", NULL, NULL, "docker-credential-desktop" },
		{ "nul.com", NULL, NULL, "docker-credential-desktop" },
		{ "empty.com", NULL, NULL, "docker-credential-desktop" },
		{ "list.com", NULL, NULL, "docker-credential-desktop" },
		{ "stored.com", NULL, NULL, "docker-credential-pass" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct wire_credential c = {};
		AUTO(free) char *helper = NULL;
		int r = docker_config_find(config, strlen(config), cases[i].host, &c, &helper, NULL);

		assert_int_equal(r, cases[i].authorization || cases[i].identity);
		assert_true(str_eq(c.authorization, cases[i].authorization));
		assert_true(str_eq(c.identity_token, cases[i].identity));
		assert_true(str_eq(helper, cases[i].helper));
		free(c.authorization);
		free(c.identity_token);
	}
}

static void odd_files(void **state)
{
	static const struct { const char *text; int r; } cases[] = {
		{ "{}", 0 }, { "{\"auths\":[]}", 0 }, { "{\"auths\":{\"a.com\":3}}", 0 },
		{ "{\"credHelpers\":{\"a.com\":3}}", 0 }, { "[]", -ERR_BAD_INPUT }, { "", -ERR_BAD_INPUT },
		{ "{\"auths\":", -ERR_BAD_INPUT },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct wire_credential c = {};
		AUTO(free) char *helper = NULL;

		assert_int_equal(docker_config_find(cases[i].text, strlen(cases[i].text), "a.com", &c, &helper, NULL),
				 cases[i].r);
		assert_null(c.authorization);
		assert_null(helper);
	}
}

static void paths(void **state)
{
	static const struct { const char *config, *home, *path; } cases[] = {
		{ "/etc/d", "/home/a", "/etc/d/config.json" }, { NULL, "/home/a", "/home/a/.docker/config.json" },
		{ "", "/home/a", "/home/a/.docker/config.json" }, { NULL, NULL, NULL }, { NULL, "a", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free) char *path = NULL;

		unsetenv("DOCKER_CONFIG");
		unsetenv("HOME");
		if (cases[i].config)
			setenv("DOCKER_CONFIG", cases[i].config, 1);
		if (cases[i].home)
			setenv("HOME", cases[i].home, 1);
		path = docker_config_path();
		assert_true(str_eq(path, cases[i].path));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lookups), cmocka_unit_test(odd_files), cmocka_unit_test(paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
