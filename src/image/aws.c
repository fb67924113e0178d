#include "image/aws.h"

#include <string.h>

#include "base/buf.h"
#include "image/hmac.h"

#define DEFAULT_REGION "us-east-1"
#define SIGNED_HEADERS "host;x-amz-content-sha256;x-amz-date"
#define NO_BODY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"	/* SHA-256 of nothing */
static const char upper_digits[] = "0123456789ABCDEF", lower_digits[] = "0123456789abcdef";

char *aws_region(const char *host)
{
	const char *end = strstr(host, ".amazonaws.com"), *part;

	if (!end)
		return xstrdup(DEFAULT_REGION);
	part = memrchr(host, '.', (size_t)(end - host));
	part = part ? part + 1 : host;
	if (end - part > 3 && str_starts(part, "s3-"))
		part += 3;	/* s3-REGION, as older names have it */
	if (str_starts(part, "s3.") || str_starts(part, "external-1."))
		return xstrdup(DEFAULT_REGION);
	return xstrndup(part, (size_t)(end - part));
}

/* --- the canonical form: every byte is written in one way only --- */

static int hex_value(char c)
{
	const char *at = c ? strchr(lower_digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;

	return at ? (int)(at - lower_digits) : -1;
}

static void add_canonical(struct buf *out, const char *text, size_t len, const char *also_plain)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '%' && i + 2 < len && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0) {
			c = (unsigned char)(hex_value(text[i + 1]) << 4 | hex_value(text[i + 2]));
			i += 2;
		}
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    (c && strchr("-._~", c)) || (c && strchr(also_plain, c)))
			buf_addc(out, (char)c);
		else
			buf_addf(out, "%%%c%c", upper_digits[c >> 4], upper_digits[c & 15]);
	}
}

/* By name, then by value: "=" ends a name, so it comes before every other byte. */
static int compare_parameters(const void *a, const void *b)
{
	const char *p = *(char *const *)a, *q = *(char *const *)b;

	while (*p && *p == *q)
		p++, q++;
	return (*p == '=' ? 1 : *p) - (*q == '=' ? 1 : *q);
}

static char *canonical_query(const char *query)
{
	AUTO(strv_free) char **given = query && *query ? strv_split(query, '&') : NULL;
	AUTO(strv_free) char **sorted = NULL;

	for (size_t i = 0; i < strv_len(given); i++) {
		size_t name = strcspn(given[i], "=");
		const char *value = given[i] + name + (given[i][name] == '=');
		struct buf b = {};

		add_canonical(&b, given[i], name, "");
		buf_addc(&b, '=');
		add_canonical(&b, value, strlen(value), "");
		strv_take(&sorted, buf_steal(&b));
	}
	if (sorted)
		qsort(sorted, strv_len(sorted), sizeof(*sorted), compare_parameters);
	return strv_join(sorted, "&");
}

static char *canonical_request(const struct aws_get *get, const char *stamp)
{
	AUTO(free) char *query = canonical_query(get->query);
	struct buf b = {};

	buf_adds(&b, "GET\n");
	add_canonical(&b, get->path, strlen(get->path), "/");
	buf_addf(&b, "\n%s\nhost:%s\nx-amz-content-sha256:" NO_BODY "\nx-amz-date:%s\n\n" SIGNED_HEADERS "\n" NO_BODY,
		 query, get->host, stamp);
	return buf_steal(&b);
}

int aws_sign(const struct wire_credential *key, const struct aws_get *get, char ***lines, struct err *err)
{
	char stamp[sizeof("YYYYMMDDThhmmssZ")], date[sizeof("YYYYMMDD")];
	AUTO(free) char *region = key->aws_region && *key->aws_region ? xstrdup(key->aws_region)
								      : aws_region(get->host);
	AUTO(free) char *first = xasprintf("AWS4%s", key->aws_secret);
	AUTO(free) char *request = NULL, *scope = NULL, *to_sign = NULL;
	char hash[SHA256_HEX + 1], signature[SHA256_HEX + 1];
	struct tm utc;

	if (!gmtime_r(&get->at, &utc) || !strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &utc) ||
	    !strftime(date, sizeof(date), "%Y%m%d", &utc))
		return err_set(err, -ERANGE, "cannot sign a request at a time that is no date");
	request = canonical_request(get, stamp);
	scope = xasprintf("%s/%s/s3/aws4_request", date, region);
	sha256_text(request, hash);
	to_sign = xasprintf("AWS4-HMAC-SHA256\n%s\n%s\n%s", stamp, scope, hash);
	if (!hmac_chain(first, (const char *const[]){ date, region, "s3", "aws4_request", to_sign }, 5, signature))
		return err_set(err, -EIO, "cannot sign a request");
	strv_take(lines, xasprintf("Authorization: AWS4-HMAC-SHA256 Credential=%s/%s,SignedHeaders=" SIGNED_HEADERS
				   ",Signature=%s", key->aws_key_id, scope, signature));
	strv_take(lines, xasprintf("x-amz-content-sha256: " NO_BODY));
	strv_take(lines, xasprintf("x-amz-date: %s", stamp));
	return 0;
}
