#include "image/wire.h"

#include <endian.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/mem.h"

#define AT(type, member) offsetof(struct type, member)

static const struct json_field wire_label_fields[] = {
	{ "name",  JSON_STRING, AT(label, name),  JSON_REQUIRED },
	{ "value", JSON_STRING, AT(label, value), JSON_REQUIRED },
	{}
};

static const struct json_field trusted_fields[] = {
	{ "fingerprint", JSON_STRING, AT(wire_trusted, fingerprint), JSON_REQUIRED },
	{ "armor",       JSON_STRING, AT(wire_trusted, armor),       JSON_REQUIRED },
	{}
};

static const struct json_field credential_fields[] = {
	{ "domain",        JSON_STRING, AT(wire_credential, domain),        JSON_REQUIRED },
	{ "authorization", JSON_STRING, AT(wire_credential, authorization), JSON_OMIT_EMPTY },
	{ "awsKeyID",      JSON_STRING, AT(wire_credential, aws_key_id),    JSON_OMIT_EMPTY },
	{ "awsSecret",     JSON_STRING, AT(wire_credential, aws_secret),    JSON_OMIT_EMPTY },
	{ "awsRegion",     JSON_STRING, AT(wire_credential, aws_region),    JSON_OMIT_EMPTY },
	{}
};
#define CREDENTIALS { "credentials", JSON_LIST, AT(wire_request, credentials), JSON_OMIT_EMPTY, credential_fields, \
		      sizeof(struct wire_credential) }
static const struct json_field credentials_only[] = { CREDENTIALS, {} };

static const struct json_field location_fields[] = {
	{ "name", JSON_STRING, AT(wire_location, name), JSON_REQUIRED },
	{ "file", JSON_BOOL,   AT(wire_location, file), JSON_OMIT_EMPTY },
	{}
};

static const struct json_field request_fields[] = {
	{ "action", JSON_STRING, AT(wire_request, action), JSON_REQUIRED },
	{ "name",   JSON_STRING, AT(wire_request, name),   JSON_OMIT_EMPTY },
	{ "labels", JSON_LIST,   AT(wire_request, labels), JSON_OMIT_EMPTY, wire_label_fields, sizeof(struct label) },
	{ "url",    JSON_STRING, AT(wire_request, url),    JSON_OMIT_EMPTY },
	{ "path",   JSON_STRING, AT(wire_request, path),   JSON_OMIT_EMPTY },
	{ "hasSignature", JSON_BOOL, AT(wire_request, has_signature), JSON_OMIT_EMPTY },
	{ "trusted",   JSON_LIST, AT(wire_request, trusted), JSON_OMIT_EMPTY, trusted_fields, sizeof(struct wire_trusted) },
	{ "locations", JSON_LIST, AT(wire_request, locations), JSON_OMIT_EMPTY, location_fields,
	  sizeof(struct wire_location) },
	CREDENTIALS,
	{ "skipSignature", JSON_BOOL, AT(wire_request, skip_signature), JSON_OMIT_EMPTY },
	{ "skipTLS",       JSON_BOOL, AT(wire_request, skip_tls),       JSON_OMIT_EMPTY },
	{ "allowHTTP",     JSON_BOOL, AT(wire_request, allow_http),     JSON_OMIT_EMPTY },
	{ "pubkeyHTTP",    JSON_BOOL, AT(wire_request, pubkey_http),    JSON_OMIT_EMPTY },
	{ "debug",         JSON_BOOL, AT(wire_request, debug),          JSON_OMIT_EMPTY },
	{ "maxImage",      JSON_INT,  AT(wire_request, max_image),      JSON_OMIT_EMPTY },
	{ "maxUnpacked",   JSON_INT,  AT(wire_request, max_unpacked),   JSON_OMIT_EMPTY },
	{ "stallSeconds",  JSON_INT,  AT(wire_request, stall_seconds),  JSON_OMIT_EMPTY },
	{}
};

static const struct json_field key_fields[] = {
	{ "location",    JSON_STRING, AT(wire_key, location),    JSON_REQUIRED },
	{ "armor",       JSON_STRING, AT(wire_key, armor),       JSON_REQUIRED },
	{ "fingerprint", JSON_STRING, AT(wire_key, fingerprint), JSON_REQUIRED },
	{ "subkeys",     JSON_STRV,   AT(wire_key, subkeys),     JSON_OMIT_EMPTY },
	{ "identities",  JSON_STRV,   AT(wire_key, identities),  JSON_OMIT_EMPTY },
	{}
};

static const struct json_field reply_fields[] = {
	{ "kind",        JSON_STRING, AT(wire_reply, kind),        JSON_REQUIRED },
	{ "text",        JSON_STRING, AT(wire_reply, text),        JSON_OMIT_EMPTY },
	{ "label",       JSON_STRING, AT(wire_reply, label),       JSON_OMIT_EMPTY },
	{ "done",        JSON_INT,    AT(wire_reply, done),        JSON_OMIT_EMPTY },
	{ "total",       JSON_INT,    AT(wire_reply, total),       JSON_OMIT_EMPTY },
	{ "source",      JSON_STRING, AT(wire_reply, source),      JSON_OMIT_EMPTY },
	{ "fingerprint", JSON_STRING, AT(wire_reply, fingerprint), JSON_OMIT_EMPTY },
	{ "identities",  JSON_STRV,   AT(wire_reply, identities),  JSON_OMIT_EMPTY },
	{ "keys",        JSON_LIST,   AT(wire_reply, keys),        JSON_OMIT_EMPTY, key_fields, sizeof(struct wire_key) },
	{ "code",        JSON_INT,    AT(wire_reply, code),        JSON_OMIT_EMPTY },
	{ "chain",       JSON_STRV,   AT(wire_reply, chain),       JSON_OMIT_EMPTY },
	{}
};

/* send(2) rather than write(2): a gone peer is an error to return, not a SIGPIPE. */
static int send_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == ECONNRESET ? -EPIPE : -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int send_document(int fd, const struct json_field *fields, const void *object)
{
	AUTO(free) char *text = json_encode_text(fields, object, false);
	size_t len = strlen(text);
	uint32_t head = htobe32((uint32_t)len);
	int r;

	if (len > WIRE_MAX)
		return -E2BIG;
	r = send_all(fd, &head, sizeof(head));
	return r < 0 ? r : send_all(fd, text, len);
}

static int recv_document(int fd, const struct json_field *fields, void *object, struct err *err)
{
	AUTO(free) char *text = NULL;
	uint32_t head;
	size_t len = 0, want;
	int r;

	r = fd_read_upto(fd, &head, sizeof(head), &len);
	if (r >= 0 && !len)
		r = -EPIPE;
	if (r == -ECONNRESET)
		r = -EPIPE;
	if (r < 0)
		return err_sys(err, r, "cannot receive a message");
	want = be32toh(head);
	if (len < sizeof(head) || want > WIRE_MAX)
		return err_set(err, -EBADMSG, "received a message that makes no sense");
	text = xmalloc(want + 1);
	r = fd_read_upto(fd, text, want, &len);
	if (r < 0 || len < want)
		return err_set(err, r < 0 ? r : -EPIPE, "a message was cut short");
	text[want] = 0;
	r = json_decode_text(text, want, fields, object, err);
	return r < 0 ? err_wrap(err, -EBADMSG, "received a message that makes no sense") : 0;
}

int wire_send_request(int fd, const struct wire_request *r) { return send_document(fd, request_fields, r); }

int wire_recv_request(int fd, struct wire_request *ret, struct err *err)
{
	return recv_document(fd, request_fields, ret, err);
}

int wire_send_reply(int fd, const struct wire_reply *r) { return send_document(fd, reply_fields, r); }

static bool is_fingerprint(const char *s)
{
	return s && strlen(s) == 40 && strspn(s, "0123456789abcdef") == 40;
}

int wire_reply_check(const struct wire_reply *r, struct err *err)
{
	bool good = false;

	if (str_eq(r->kind, "log"))
		good = r->text;
	else if (str_eq(r->kind, "progress"))
		good = r->label && r->done >= 0 && r->total >= 0;
	else if (str_eq(r->kind, "image"))
		good = !r->fingerprint || is_fingerprint(r->fingerprint);
	else if (str_eq(r->kind, "error"))
		good = r->code < 0 && r->code >= -INT32_MAX && r->chain && r->chain[0];
	else if (str_eq(r->kind, "keys"))
		good = true;
	for (size_t i = 0; good && i < r->n_keys; i++)
		good = is_fingerprint(r->keys[i].fingerprint) && *r->keys[i].armor;
	return good ? 0 : err_set(err, -EBADMSG, "received a message that makes no sense");
}

int wire_recv_reply(int fd, struct wire_reply *ret, struct err *err)
{
	int r = recv_document(fd, reply_fields, ret, err);

	if (r < 0)
		return r;
	r = wire_reply_check(ret, err);
	if (r < 0)
		wire_reply_clear(ret);
	return r;
}

void wire_credentials_clear(struct wire_request *r) { json_clear(credentials_only, r); }
void wire_request_clear(struct wire_request *r) { json_clear(request_fields, r); }
void wire_reply_clear(struct wire_reply *r) { json_clear(reply_fields, r); }
