#include "stage0/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/fd.h"

static int read_into(struct config *level, const char *dir_name, const char *text, char **ret_words)
{
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *path = xasprintf("/c/%s/a.json", dir_name);
	int r = config_read_text(dir_name, path, text, strlen(text), level, &err);

	*ret_words = r < 0 ? err_text(&err) : NULL;
	return r;
}

static const struct wrong {
	const char *dir_name, *text, *words;
} wrongs[] = {
	{ "auth.d", "{\"rktVersion\":\"v1\"}", "no rktKind specified in \"/c/auth.d/a.json\"" },
	{ "auth.d", "[]", "no rktKind specified in \"/c/auth.d/a.json\"" },
	{ "auth.d", "{\"rktKind\":\"auth\"}", "no rktVersion specified in \"/c/auth.d/a.json\"" },
	{ "auth.d", "{\"rktKind\":\"auth\",\"rktVersion\":\"v2\"}",
	  "no parser available for configuration of kind \"auth\" and version \"v2\"" },
	{ "auth.d", "{\"rktKind\":\"paths\",\"rktVersion\":\"v1\"}",
	  "the configuration directory \"/c/auth.d\" expects to have configuration files of kinds "
	  "[\"auth\" \"dockerAuth\"], but \"/c/auth.d/a.json\" has kind of \"paths\"" },
	{ "paths.d", "{\"rktKind\":\"auth\",\"rktVersion\":\"v9\"}",
	  "the configuration directory \"/c/paths.d\" expects to have configuration files of kinds "
	  "[\"paths\"], but \"/c/paths.d/a.json\" has kind of \"auth\"" },
#define AUTH(rest) "{\"rktKind\":\"auth\",\"rktVersion\":\"v1\"" rest "}"
#define DOCKER(rest) "{\"rktKind\":\"dockerAuth\",\"rktVersion\":\"v1\"" rest "}"
#define PATHS(rest) "{\"rktKind\":\"paths\",\"rktVersion\":\"v1\"" rest "}"
#define STAGE1(rest) "{\"rktKind\":\"stage1\",\"rktVersion\":\"v1\"" rest "}"
#define LIMITS(rest) "{\"rktKind\":\"limits\",\"rktVersion\":\"v1\"" rest "}"
#define IN_LIMITS "failed to parse \"/c/limits.d/a.json\": "
	{ "limits.d", LIMITS(",\"layer\":7"), IN_LIMITS "there is no limit \"layer\"" },
	{ "limits.d", LIMITS(",\"layers\":0"), IN_LIMITS "the limit \"layers\" is not between 1 and 4096" },
	{ "limits.d", PATHS(",\"data\":\"/d\""),
	  "the configuration directory \"/c/limits.d\" expects to have configuration files of kinds "
	  "[\"limits\"], but \"/c/limits.d/a.json\" has kind of \"paths\"" },
#define IN_AUTH "failed to parse \"/c/auth.d/a.json\": "
#define IN_PATHS "failed to parse \"/c/paths.d/a.json\": "
#define IN_STAGE1 "failed to parse \"/c/stage1.d/a.json\": "
	{ "auth.d", AUTH(""), IN_AUTH "no domains specified" },
	{ "auth.d", AUTH(",\"domains\":[]"), IN_AUTH "no domains specified" },
	{ "auth.d", AUTH(",\"domains\":[\"a\"]"), IN_AUTH "no auth type specified" },
	{ "auth.d", AUTH(",\"domains\":[\"a\"],\"type\":\"x\",\"credentials\":{}"),
	  IN_AUTH "unknown auth type: \"x\"" },
	{ "auth.d", AUTH(",\"domains\":[\"a\"],\"type\":\"basic\""), IN_AUTH "no credentials" },
	{ "auth.d", AUTH(",\"domains\":[\"a\"],\"type\":\"basic\",\"credentials\":{\"password\":\"p\"}"),
	  IN_AUTH "user not specified" },
	{ "auth.d", AUTH(",\"domains\":[\"a\"],\"type\":\"basic\",\"credentials\":{\"user\":\"u\"}"),
	  IN_AUTH "password not specified" },
	{ "auth.d", AUTH(",\"domains\":[\"a\"],\"type\":\"oauth\",\"credentials\":{\"user\":\"u\"}"),
	  IN_AUTH "no oauth bearer token specified" },
	{ "auth.d", AUTH(",\"domains\":[\"a\"],\"type\":\"aws\",\"credentials\":{}"),
	  IN_AUTH "no AWS Access Key ID specified" },
	{ "auth.d", AUTH(",\"domains\":[\"a\"],\"type\":\"aws\",\"credentials\":{\"accessKeyID\":\"k\"}"),
	  IN_AUTH "no AWS Secret Access Key specified" },
	{ "auth.d", AUTH(",\"domains\":[\"a\",\"a\"],\"type\":\"oauth\",\"credentials\":{\"token\":\"t\"}"),
	  IN_AUTH "auth for domain \"a\" is already specified" },
	{ "auth.d", DOCKER(""), IN_AUTH "no registries specified" },
	{ "auth.d", DOCKER(",\"registries\":[\"r\"]"), IN_AUTH "no credentials" },
	{ "auth.d", DOCKER(",\"registries\":[\"r\"],\"credentials\":{\"user\":\"\"}"),
	  IN_AUTH "user not specified" },
	{ "auth.d", DOCKER(",\"registries\":[\"r\"],\"credentials\":{\"user\":\"u\"}"),
	  IN_AUTH "password not specified" },
	{ "auth.d", DOCKER(",\"registries\":[\"r\",\"r\"],\"credentials\":{\"user\":\"u\",\"password\":\"p\"}"),
	  IN_AUTH "credentials for docker registry \"r\" are already specified" },
#define REGISTRY(rest) "{\"rktKind\":\"registry\",\"rktVersion\":\"v1\"" rest "}"
#define IN_REGISTRIES "failed to parse \"/c/registries.d/a.json\": "
#define MIRROR(url) REGISTRY(",\"registries\":[\"r\"],\"mirrors\":[\"" url "\"]"), \
	IN_REGISTRIES "mirror \"" url "\" is not of the form https://HOST[:PORT][/PREFIX]"
	{ "registries.d", REGISTRY(""), IN_REGISTRIES "no registries specified" },
	{ "registries.d", REGISTRY(",\"registries\":[\"r\"]"), IN_REGISTRIES "no mirrors specified" },
	{ "registries.d", REGISTRY(",\"registries\":[\"a/b\"],\"mirrors\":[]"),
	  IN_REGISTRIES "bad registry host \"a/b\"" },
	{ "registries.d", REGISTRY(",\"registries\":[\"docker.io\",\"index.docker.io\"],\"mirrors\":[]"),
	  IN_REGISTRIES "mirrors of registry \"registry-1.docker.io\" are already specified" },
	{ "registries.d", MIRROR("mirror.com") },
	{ "registries.d", MIRROR("ftp://mirror.com") },
	{ "registries.d", MIRROR("https://") },
	{ "registries.d", MIRROR("https://u:p@mirror.com") },
	{ "registries.d", MIRROR("https://mirror.com/a?b") },
	{ "registries.d", MIRROR("https://mirror.com/../x") },
	{ "registries.d", MIRROR("https://mirror.com:99999") },
	{ "paths.d", PATHS(",\"data\":\"rel\""), IN_PATHS "data directory must be an absolute path" },
	{ "paths.d", PATHS(",\"stage1-images\":\"./x\""),
	  IN_PATHS "stage1 images directory must be an absolute path" },
	{ "stage1.d", STAGE1(",\"version\":\"1\""),
	  IN_STAGE1 "invalid stage1 configuration: default stage1 image version specified, but name is missing" },
	{ "stage1.d", STAGE1(",\"name\":\"n\""),
	  IN_STAGE1 "invalid stage1 configuration: default stage1 image name specified, but version is missing" },
	{ "stage1.d", STAGE1(",\"location\":\"rel/x.aci\""),
	  IN_STAGE1 "invalid stage1 configuration: default stage1 image location is either a relative path or a "
	  "URL without scheme" },
	{ "stage1.d", STAGE1(",\"location\":\"ftp://h/x.aci\""),
	  IN_STAGE1 "invalid stage1 configuration: default stage1 image location URL has invalid scheme \"ftp\", "
	  "allowed schemes are [\"docker\" \"file\" \"http\" \"https\"]" },
	{ "stage1.d", STAGE1(",\"location\":\"://h\""),
	  IN_STAGE1 "invalid stage1 configuration: default stage1 image location is an invalid URL: "
	  "missing protocol scheme" },
};

static void test_every_fault(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(wrongs); i++) {
		AUTO(config_clear) struct config level = {};
		AUTO(free) char *words = NULL;

		assert_int_equal(read_into(&level, wrongs[i].dir_name, wrongs[i].text, &words), -ERR_BAD_INPUT);
		assert_string_equal(words, wrongs[i].words);
	}
}

static void test_json_faults_name_the_file(void **state)
{
	static const char *const texts[] = { "", "{", AUTH(",\"domains\":5"), AUTH("") "x", AUTH(",\"rktKind\":1") };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		AUTO(config_clear) struct config level = {};
		AUTO(free) char *words = NULL;

		assert_int_equal(read_into(&level, "auth.d", texts[i], &words), -ERR_BAD_INPUT);
		assert_true(str_starts(words, IN_AUTH));
	}
}

/* The same thing twice in one directory. */
static void test_repeated(void **state)
{
	static const struct { const char *dir_name, *text, *words; } twice[] = {
		{ "auth.d", AUTH(",\"domains\":[\"a\"],\"type\":\"oauth\",\"credentials\":{\"token\":\"t\"}"),
		  IN_AUTH "auth for domain \"a\" is already specified" },
		{ "auth.d", DOCKER(",\"registries\":[\"r\"],\"credentials\":{\"user\":\"u\",\"password\":\"p\"}"),
		  IN_AUTH "credentials for docker registry \"r\" are already specified" },
		{ "paths.d", PATHS(",\"data\":\"/d\""), IN_PATHS "data directory is already specified" },
		{ "paths.d", PATHS(",\"stage1-images\":\"/d\""),
		  IN_PATHS "stage1 images directory is already specified" },
		{ "stage1.d", STAGE1(",\"name\":\"n\",\"version\":\"1\""),
		  IN_STAGE1 "name and version of a default stage1 image are already specified" },
		{ "stage1.d", STAGE1(",\"location\":\"/x.aci\""),
		  IN_STAGE1 "location of a default stage1 image is already specified" },
	};

	for (size_t i = 0; i < ARRAY_LEN(twice); i++) {
		AUTO(config_clear) struct config level = {};
		AUTO(free) char *first = NULL, *second = NULL;

		assert_int_equal(read_into(&level, twice[i].dir_name, twice[i].text, &first), 0);
		assert_int_equal(read_into(&level, twice[i].dir_name, twice[i].text, &second), -ERR_BAD_INPUT);
		assert_string_equal(second, twice[i].words);
	}
}

static void test_fields(void **state)
{
	AUTO(config_clear) struct config c = {};
	char *words = NULL;

	assert_int_equal(read_into(&c, "auth.d", AUTH(",\"domains\":[\"a\",\"b\"],\"type\":\"aws\",\"credentials\":"
		"{\"accessKeyID\":\"k\",\"secretAccessKey\":\"s\",\"awsRegion\":\"r\"},\"more\":[1]"), &words), 0);
	assert_int_equal(read_into(&c, "stage1.d", STAGE1(",\"name\":\"n\",\"version\":\"1\""), &words), 0);
	assert_int_equal(read_into(&c, "stage1.d", STAGE1(",\"location\":\"HTTPS://h/x.aci\""), &words), 0);
	assert_int_equal(c.n_auth, 2);
	assert_string_equal(c.auth[1].domain, "b");
	assert_string_equal(c.auth[1].access_key_id, "k");
	assert_string_equal(c.auth[0].secret_access_key, "s");
	assert_string_equal(c.auth[0].region, "r");
	assert_string_equal(c.stage1_name, "n");
	assert_string_equal(c.stage1_version, "1");
	assert_string_equal(c.stage1_location, "HTTPS://h/x.aci");
}

static char *config_text(const struct config *c)
{
	struct json_writer *w = json_writer_new(false);

	json_open_object(w, NULL);
	config_write(w, c);
	json_close(w);
	return json_writer_finish(w);
}

static void test_text(void **state)
{
	AUTO(config_clear) struct config c = {};
	AUTO(free) char *text = NULL, *none = NULL;
	char *words = NULL;
	struct config empty = {};

	assert_int_equal(read_into(&c, "auth.d", AUTH(",\"domains\":[\"a\"],\"type\":\"basic\",\"credentials\":"
		"{\"user\":\"u\",\"password\":\"p\"}"), &words), 0);
	assert_int_equal(read_into(&c, "auth.d", DOCKER(",\"registries\":[\"r\"],\"credentials\":"
		"{\"user\":\"v\",\"password\":\"q\"}"), &words), 0);
	assert_int_equal(read_into(&c, "registries.d", REGISTRY(",\"registries\":[\"docker.io\"],\"mirrors\":"
		"[\"https://m.com:1/hub\",\"http://[::1]:5000\"]"), &words), 0);
	assert_int_equal(read_into(&c, "paths.d", PATHS(",\"data\":\"/d\""), &words), 0);
	assert_int_equal(read_into(&c, "limits.d", LIMITS(",\"layers\":7,\"image-bytes\":\"1G\""), &words), 0);
	text = config_text(&c);
	assert_string_equal(text,
		"{\"stage0\":[{\"rktVersion\":\"v1\",\"rktKind\":\"auth\",\"domains\":[\"a\"],\"type\":\"basic\","
		"\"credentials\":{\"user\":\"u\",\"password\":\"p\"}},"
		"{\"rktVersion\":\"v1\",\"rktKind\":\"dockerAuth\",\"registries\":[\"r\"],"
		"\"credentials\":{\"user\":\"v\",\"password\":\"q\"}},"
		"{\"rktVersion\":\"v1\",\"rktKind\":\"registry\",\"registries\":[\"registry-1.docker.io\"],"
		"\"mirrors\":[\"https://m.com:1/hub\",\"http://[::1]:5000\"]},"
		"{\"rktVersion\":\"v1\",\"rktKind\":\"paths\",\"data\":\"/d\",\"stage1-images\":\"\"},"
		"{\"rktVersion\":\"v1\",\"rktKind\":\"stage1\",\"name\":\"\",\"version\":\"\",\"location\":\"\"},"
		"{\"rktVersion\":\"v1\",\"rktKind\":\"limits\",\"image-bytes\":\"1000000000B\",\"layers\":7}]}");
	none = config_text(&empty);
	assert_null(strstr(none, "auth"));
	assert_null(strstr(none, "limits"));
}

/* --- directories --- */

struct place {
	char dir[sizeof("/tmp/rkt-config-XXXXXX")];
	char *vendor, *local, *user;
	int fd;
};

static int place_make(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));

	memcpy(p->dir, "/tmp/rkt-config-XXXXXX", sizeof(p->dir));
	if (!mkdtemp(p->dir) || dir_open(AT_FDCWD, p->dir, &p->fd) < 0)
		return -1;
	p->vendor = xasprintf("%s/system", p->dir);
	p->local = xasprintf("%s/local", p->dir);
	p->user = xasprintf("%s/user", p->dir);
	*state = p;
	return 0;
}

static int place_remove(void **state)
{
	struct place *p = *state;

	close(p->fd);
	tree_remove(AT_FDCWD, p->dir);
	free(p->vendor);
	free(p->local);
	free(p->user);
	free(p);
	return 0;
}

static void put(const struct place *p, const char *path, const char *text)
{
	AUTO(free) char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));

	assert_int_equal(dir_make_all(p->fd, dir, 0755), 0);
	assert_int_equal(file_write(p->fd, path, text, strlen(text), 0644), 0);
}

static int load(const struct place *p, struct config *c, char **ret_words)
{
	AUTO(err_clear) struct err err = {};
	int r = config_load(p->vendor, p->local, p->user, c, &err);

	*ret_words = r < 0 ? err_text(&err) : NULL;
	return r;
}

static void assert_refused(const struct place *p, int code, const char *words)
{
	AUTO(config_clear) struct config c = {};
	AUTO(free) char *told = NULL;

	assert_int_equal(load(p, &c, &told), code);
	assert_string_equal(told, words);
	assert_int_equal(c.n_auth, 0);
}

static void test_nothing_there(void **state)
{
	AUTO(config_clear) struct config c = {};

	assert_int_equal(config_load("/nonexistent/rkt", "", NULL, &c, NULL), 0);
	assert_null(c.data_dir);
}

static void test_override(void **state)
{
	AUTO(config_clear) struct config c = {};
	AUTO(free) char *words = NULL;
	struct place *p = *state;

#define TOKEN(domain, token) \
	AUTH(",\"domains\":[\"" domain "\"],\"type\":\"oauth\",\"credentials\":{\"token\":\"" token "\"}")
	put(p, "system/auth.d/a.json", TOKEN("a", "1"));
	put(p, "system/auth.d/b.json", TOKEN("b", "1"));
	put(p, "local/auth.d/a.json", TOKEN("b", "2"));
	put(p, "user/auth.d/a.json", TOKEN("c", "3"));
	put(p, "system/paths.d/a.json", PATHS(",\"data\":\"/1\",\"stage1-images\":\"/2\""));
	put(p, "local/paths.d/a.json", PATHS(",\"stage1-images\":\"/3\""));
	put(p, "system/stage1.d/a.json", STAGE1(",\"name\":\"n\",\"version\":\"1\",\"location\":\"/l\""));
	put(p, "user/stage1.d/a.json", STAGE1(",\"name\":\"m\",\"version\":\"2\""));
	assert_int_equal(load(p, &c, &words), 0);
	assert_int_equal(c.n_auth, 3);
	assert_string_equal(c.auth[0].token, "1");
	assert_string_equal(c.auth[1].token, "2");
	assert_string_equal(c.auth[2].token, "3");
	assert_string_equal(c.data_dir, "/1");
	assert_string_equal(c.stage1_images_dir, "/3");
	assert_string_equal(c.stage1_name, "m");
	assert_string_equal(c.stage1_version, "2");
	assert_string_equal(c.stage1_location, "/l");
}

static void test_passed_over(void **state)
{
	AUTO(config_clear) struct config c = {};
	AUTO(free) char *words = NULL;
	struct place *p = *state;

	put(p, "local/paths.d/a.txt", "no JSON");
	put(p, "local/paths.d/sub.json/a.json", "no JSON");
	put(p, "elsewhere/target", PATHS(",\"data\":\"/linked\""));
	assert_int_equal(symlinkat("../../elsewhere/target", p->fd, "local/paths.d/link.json"), 0);
	assert_int_equal(mkfifoat(p->fd, "local/paths.d/fifo.json", 0600), 0);
	assert_int_equal(load(p, &c, &words), 0);
	assert_null(c.data_dir);
}

static void test_not_a_directory(void **state)
{
	struct place *p = *state;
	AUTO(free) char *file = xasprintf("expected \"%s/auth.d\" to be a directory", p->local);
	AUTO(free) char *link = xasprintf("expected \"%s/paths.d\" to be a directory", p->vendor);

	put(p, "local/auth.d", "");
	assert_refused(p, -ENOTDIR, file);
	assert_int_equal(dir_make_all(p->fd, "system", 0755), 0);
	assert_int_equal(symlinkat("/", p->fd, "system/paths.d"), 0);
	assert_refused(p, -ENOTDIR, link);
}

static void test_others_may_write(void **state)
{
	struct place *p = *state;
	AUTO(free) char *file = xasprintf("refusing configuration in \"%s/paths.d/a.json\": everybody may write it",
					  p->local);
	AUTO(free) char *dir = xasprintf("refusing configuration in \"%s/paths.d\": group 4321 may write it", p->local);
	AUTO(free) char *base = xasprintf("refusing configuration in \"%s\": it belongs to user 4321, not to root",
					  p->local);
	AUTO(config_clear) struct config c = {};
	AUTO(free) char *words = NULL;

	if (geteuid())
		skip();	/* only root must mind */
	put(p, "local/paths.d/a.json", PATHS(",\"data\":\"/d\""));
	assert_int_equal(fchmodat(p->fd, "local/paths.d", 0775, 0), 0);	/* of group root: fine */
	assert_int_equal(load(p, &c, &words), 0);
	assert_int_equal(fchmodat(p->fd, "local/paths.d/a.json", 0666, 0), 0);
	assert_refused(p, -EPERM, file);
	assert_int_equal(fchownat(p->fd, "local/paths.d", 0, 4321, 0), 0);
	assert_refused(p, -EPERM, dir);
	assert_int_equal(fchownat(p->fd, "local", 4321, 0, 0), 0);
	assert_refused(p, -EPERM, base);
}

static void test_too_large(void **state)
{
	struct place *p = *state;
	AUTO(free) char *large = xcalloc(1, (1 << 20) + 2);
	AUTO(config_clear) struct config c = {};
	AUTO(free) char *told = NULL;

	memset(large, ' ', (1 << 20) + 1);
	put(p, "local/paths.d/a.json", large);
	assert_int_equal(load(p, &c, &told), -E2BIG);
	assert_true(strstr(told, "paths.d/a.json"));
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, place_make, place_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_fault),
		cmocka_unit_test(test_json_faults_name_the_file),
		cmocka_unit_test(test_repeated),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_nothing_there),
		IN_PLACE(test_override),
		IN_PLACE(test_passed_over),
		IN_PLACE(test_not_a_directory),
		IN_PLACE(test_others_may_write),
		IN_PLACE(test_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
