#include "image/aws.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* The examples that Amazon publishes for S3 ("Signature Calculations for the Authorization Header"). */
#define HOST "examplebucket.s3.amazonaws.com"
static const struct wire_credential key = {
	.aws_key_id = (char[]){ "AKIAIOSFODNN7EXAMPLE" },
	.aws_secret = (char[]){ "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" },
};
static const time_t example_time = 1369353600;	/* 20130524T000000Z */

static char *signature(const char *path, const char *query)
{
	struct aws_get get = { HOST, path, query, example_time };
	AUTO(strv_free) char **lines = NULL;

	assert_int_equal(aws_sign(&key, &get, &lines, NULL), 0);
	assert_int_equal(strv_len(lines), 3);
	assert_true(strstr(lines[0], "Signature=") != NULL);
	return xstrdup(strstr(lines[0], "Signature=") + 10);
}

static void published_examples(void **state)
{
	AUTO(free) char *lifecycle = signature("/", "lifecycle");
	AUTO(free) char *list = signature("/", "prefix=J&max-keys=2");

	assert_string_equal(lifecycle, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
	assert_string_equal(list, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void lines(void **state)
{
	struct aws_get get = { HOST, "/", "lifecycle", example_time };
	struct wire_credential elsewhere = key;
	AUTO(strv_free) char **got = NULL;
	AUTO(strv_free) char **other = NULL;

	assert_int_equal(aws_sign(&key, &get, &got, NULL), 0);
	assert_true(str_starts(got[0], "Authorization: AWS4-HMAC-SHA256 "
				       "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
				       "SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=fea454ca"));
	assert_true(str_starts(got[1], "x-amz-content-sha256: e3b0c442"));
	assert_string_equal(got[2], "x-amz-date: 20130524T000000Z");
	elsewhere.aws_region = (char[]){ "eu-west-3" };
	assert_int_equal(aws_sign(&elsewhere, &get, &other, NULL), 0);
	assert_non_null(strstr(other[0], "/20130524/eu-west-3/s3/"));
	for (size_t i = 0; i < 3; i++)
		assert_null(strstr(other[i], key.aws_secret));
}

/* However a URL writes its bytes, what is signed is the same. */
static void one_form(void **state)
{
	static const struct { const char *path, *query, *same_path, *same_query; } cases[] = {
		{ "/a b/c+d~", "x=1", "/a%20b/c%2bd%7E", "x=1" },
		{ "/%C3%a9", "b=2&a=1", "/\xc3\xa9", "a=1&b=2" },
		{ "/%zz%4", NULL, "/%25zz%254", "" },
		{ "/", "a=/&a=.", "/", "a=.&a=%2f" },
		{ "/", "a-b=1&a=2", "/", "a=2&a-b=1" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free) char *one = signature(cases[i].path, cases[i].query);
		AUTO(free) char *same = signature(cases[i].same_path, cases[i].same_query);
		AUTO(free) char *other = signature("/other", cases[i].query);

		assert_string_equal(one, same);
		assert_string_not_equal(one, other);
	}
}

static void regions(void **state)
{
	static const struct { const char *host, *region; } cases[] = {
		{ "s3.amazonaws.com", "us-east-1" }, { "b.s3.amazonaws.com", "us-east-1" },
		{ "s3-external-1.amazonaws.com", "us-east-1" }, { "b.s3-eu-west-1.amazonaws.com", "eu-west-1" },
		{ "s3-us-west-2.amazonaws.com:443", "us-west-2" }, { "b.s3.eu-central-1.amazonaws.com", "eu-central-1" },
		{ "s3.cn-north-1.amazonaws.com.cn", "cn-north-1" }, { "minio.example.com:9000", "us-east-1" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(free) char *region = aws_region(cases[i].host);

		assert_string_equal(region, cases[i].region);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_examples), cmocka_unit_test(lines), cmocka_unit_test(one_form),
		cmocka_unit_test(regions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
