#include "image/wire.h"

#include <assert.h>
#include <endian.h>
#include <stdalign.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/mem.h"
#include "image/fingerprint.h"
#include "image/kind.h"
#include "spec/limits.h"
#include "spec/oci.h"

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
	{ "identityToken", JSON_STRING, AT(wire_credential, identity_token), JSON_OMIT_EMPTY },
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

static const struct json_field oci_fields[] = {
	{ "registry",   JSON_STRING, AT(wire_oci, registry),   JSON_OMIT_EMPTY },
	{ "mirrors",    JSON_STRV,   AT(wire_oci, mirrors),    JSON_OMIT_EMPTY },
	{ "repository", JSON_STRING, AT(wire_oci, repository), JSON_OMIT_EMPTY },
	{ "tag",        JSON_STRING, AT(wire_oci, tag),        JSON_OMIT_EMPTY },
	{ "digest",     JSON_STRING, AT(wire_oci, digest),     JSON_OMIT_EMPTY },
	{ "os",         JSON_STRING, AT(wire_oci, os),         JSON_OMIT_EMPTY },
	{ "arch",       JSON_STRING, AT(wire_oci, arch),       JSON_OMIT_EMPTY },
	{ "cosignKeys", JSON_LIST,   AT(wire_oci, cosign_keys), JSON_OMIT_EMPTY, trusted_fields,
	  sizeof(struct wire_trusted) },
	{ "accepted",   JSON_BOOL,   AT(wire_oci, accepted),   JSON_OMIT_EMPTY },
	{ "unproven",   JSON_BOOL,   AT(wire_oci, unproven),   JSON_OMIT_EMPTY },
	{}
};

static const struct json_field request_fields[] = {
	{ "action", JSON_STRING, AT(wire_request, action), JSON_REQUIRED },
	{ "name",   JSON_STRING, AT(wire_request, name),   JSON_OMIT_EMPTY },
	{ "labels", JSON_LIST,   AT(wire_request, labels), JSON_OMIT_EMPTY, wire_label_fields, sizeof(struct label) },
	{ "url",    JSON_STRING, AT(wire_request, url),    JSON_OMIT_EMPTY },
	{ "path",   JSON_STRING, AT(wire_request, path),   JSON_OMIT_EMPTY },
	{ "hasSignature", JSON_BOOL, AT(wire_request, has_signature), JSON_OMIT_EMPTY },
	{ "namedSignature", JSON_BOOL, AT(wire_request, named_signature), JSON_OMIT_EMPTY },
	{ "trusted",   JSON_LIST, AT(wire_request, trusted), JSON_OMIT_EMPTY, trusted_fields, sizeof(struct wire_trusted) },
	{ "locations", JSON_LIST, AT(wire_request, locations), JSON_OMIT_EMPTY, location_fields,
	  sizeof(struct wire_location) },
	CREDENTIALS,
	{ "oci", JSON_OBJECT, AT(wire_request, oci), 0, oci_fields, sizeof(struct wire_oci) },
	{ "etag",         JSON_STRING, AT(wire_request, etag),          JSON_OMIT_EMPTY },
	{ "lastModified", JSON_STRING, AT(wire_request, last_modified), JSON_OMIT_EMPTY },
	{ "ifURL",        JSON_STRING, AT(wire_request, if_url),        JSON_OMIT_EMPTY },
	{ "partURL",      JSON_STRING, AT(wire_request, part_url),      JSON_OMIT_EMPTY },
	{ "partVersion",  JSON_STRING, AT(wire_request, part_version),  JSON_OMIT_EMPTY },
	{ "skipSignature", JSON_BOOL, AT(wire_request, skip_signature), JSON_OMIT_EMPTY },
	{ "skipTLS",       JSON_BOOL, AT(wire_request, skip_tls),       JSON_OMIT_EMPTY },
	{ "allowHTTP",     JSON_BOOL, AT(wire_request, allow_http),     JSON_OMIT_EMPTY },
	{ "pubkeyHTTP",    JSON_BOOL, AT(wire_request, pubkey_http),    JSON_OMIT_EMPTY },
	{ "debug",         JSON_BOOL, AT(wire_request, debug),          JSON_OMIT_EMPTY },
	{ "limits",        JSON_RAW,  AT(wire_request, limits),         JSON_OMIT_EMPTY },
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

static const struct json_field layer_fields[] = {
	{ "digest", JSON_STRING, AT(wire_layer, digest),  JSON_REQUIRED },
	{ "diffID", JSON_STRING, AT(wire_layer, diff_id), JSON_REQUIRED },
	{ "size",   JSON_INT,    AT(wire_layer, size),    JSON_REQUIRED },
	{}
};

static const struct json_field command_fields[] = {
	{ "action", JSON_STRING, AT(wire_command, action), JSON_REQUIRED },
	{ "index",  JSON_INT,    AT(wire_command, index),  JSON_OMIT_EMPTY },
	{}
};

static const struct json_field reply_fields[] = {
	{ "kind",         JSON_STRING, AT(wire_reply, kind),           JSON_REQUIRED },
	{ "text",         JSON_STRING, AT(wire_reply, text),           JSON_OMIT_EMPTY },
	{ "label",        JSON_STRING, AT(wire_reply, label),          JSON_OMIT_EMPTY },
	{ "done",         JSON_INT,    AT(wire_reply, done),           JSON_OMIT_EMPTY },
	{ "total",        JSON_INT,    AT(wire_reply, total),          JSON_OMIT_EMPTY },
	{ "source",       JSON_STRING, AT(wire_reply, source),         JSON_OMIT_EMPTY },
	{ "fingerprint",  JSON_STRING, AT(wire_reply, fingerprint),    JSON_OMIT_EMPTY },
	{ "identities",   JSON_STRV,   AT(wire_reply, identities),     JSON_OMIT_EMPTY },
	{ "keys",         JSON_LIST,   AT(wire_reply, keys),           JSON_OMIT_EMPTY, key_fields,
	  sizeof(struct wire_key) },
	{ "version",      JSON_STRING, AT(wire_reply, version),        JSON_OMIT_EMPTY },
	{ "etag",         JSON_STRING, AT(wire_reply, etag),           JSON_OMIT_EMPTY },
	{ "lastModified", JSON_STRING, AT(wire_reply, last_modified),  JSON_OMIT_EMPTY },
	{ "maxAge",       JSON_INT,    AT(wire_reply, max_age),        JSON_OMIT_EMPTY },
	{ "manifest",     JSON_STRING, AT(wire_reply, manifest),       JSON_OMIT_EMPTY },
	{ "config",       JSON_STRING, AT(wire_reply, config),         JSON_OMIT_EMPTY },
	{ "appc",         JSON_STRING, AT(wire_reply, appc),           JSON_OMIT_EMPTY },
	{ "digest",       JSON_STRING, AT(wire_reply, digest),         JSON_OMIT_EMPTY },
	{ "configDigest", JSON_STRING, AT(wire_reply, config_digest),  JSON_OMIT_EMPTY },
	{ "layers",       JSON_LIST,   AT(wire_reply, layers),         JSON_OMIT_EMPTY, layer_fields,
	  sizeof(struct wire_layer) },
	{ "path",         JSON_STRING, AT(wire_reply, path),           JSON_OMIT_EMPTY },
	{ "index",        JSON_INT,    AT(wire_reply, index),          JSON_OMIT_EMPTY },
	{ "code",         JSON_INT,    AT(wire_reply, code),           JSON_OMIT_EMPTY },
	{ "chain",        JSON_STRV,   AT(wire_reply, chain),          JSON_OMIT_EMPTY },
	{}
};

/* --- documents --------------------------------------------------------------- */

enum { SURPLUS_FDS = 8 };	/* room to take more than was agreed, so as to close them */

/* Descriptors that came along with bytes. */
struct passed {
	int fds[WIRE_COMMAND_FDS];
	size_t n;
	bool surplus;
};

static void passed_close(struct passed *p)
{
	while (p->n)
		close(p->fds[--p->n]);
}
static inline void passed_close_auto(struct passed *p) { passed_close(p); }

/*
 * sendmsg(2) rather than write(2): a gone peer is an error to return, not a SIGPIPE. The descriptors go with the
 * first byte.
 */
static int send_all(int fd, const void *data, size_t len, const int *fds, size_t n_fds)
{
	alignas(struct cmsghdr) char control[CMSG_SPACE(WIRE_COMMAND_FDS * sizeof(int))] = {};
	struct iovec io = { .iov_base = (void *)(uintptr_t)data, .iov_len = len };
	struct msghdr message = { .msg_iov = &io, .msg_iovlen = 1 };
	struct cmsghdr *head;

	if (n_fds) {
		message.msg_control = control;
		message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		head = CMSG_FIRSTHDR(&message);
		*head = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
					  .cmsg_len = CMSG_LEN(n_fds * sizeof(int)) };
		memcpy(CMSG_DATA(head), fds, n_fds * sizeof(int));
	}
	while (io.iov_len) {
		ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == ECONNRESET ? -EPIPE : -errno;
		io.iov_base = (char *)io.iov_base + n;
		io.iov_len -= (size_t)n;
		message.msg_control = NULL;
		message.msg_controllen = 0;
	}
	return 0;
}

/* Every descriptor that the kernel has put into our table is kept here or closed. */
static void take_fds(struct msghdr *message, struct passed *p)
{
	for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head; head = CMSG_NXTHDR(message, head)) {
		size_t n = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(head) + i * sizeof(int), sizeof(fd));
			if (p->n < ARRAY_LEN(p->fds)) {
				p->fds[p->n++] = fd;
				continue;
			}
			close(fd);
			p->surplus = true;
		}
	}
	p->surplus |= message->msg_flags & MSG_CTRUNC;	/* the kernel has closed what did not fit */
}

/* Reads until len bytes or the end, and takes what descriptors come with them. */
static int recv_with_fds(int fd, void *data, size_t len, struct passed *p, size_t *ret_len)
{
	*ret_len = 0;
	while (*ret_len < len) {
		alignas(struct cmsghdr) char control[CMSG_SPACE((WIRE_COMMAND_FDS + SURPLUS_FDS) * sizeof(int))];
		struct iovec io = { .iov_base = (char *)data + *ret_len, .iov_len = len - *ret_len };
		struct msghdr message = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control,
					  .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		take_fds(&message, p);
		if (!n)
			break;
		*ret_len += (size_t)n;
	}
	return 0;
}

static int send_document(int fd, const struct json_field *fields, const void *object, const int *fds, size_t n_fds)
{
	AUTO(free) char *text = json_encode_text(fields, object, false);
	size_t len = strlen(text);
	uint32_t head = htobe32((uint32_t)len);
	int r;

	if (len > WIRE_MAX)
		return -E2BIG;
	r = send_all(fd, &head, sizeof(head), fds, n_fds);
	return r < 0 ? r : send_all(fd, text, len, NULL, 0);
}

/* passed: NULL where none may come; the kernel closes those that do. */
static int recv_document(int fd, const struct json_field *fields, void *object, struct passed *passed,
			 struct err *err)
{
	AUTO(free) char *text = NULL;
	uint32_t head;
	size_t len = 0, want;
	int r;

	if (passed)
		r = recv_with_fds(fd, &head, sizeof(head), passed, &len);
	else
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

int wire_send_request(int fd, const struct wire_request *r)
{
	return send_document(fd, request_fields, r, NULL, 0);
}

int wire_recv_request(int fd, struct wire_request *ret, struct err *err)
{
	return recv_document(fd, request_fields, ret, NULL, err);
}

/* --- replies ------------------------------------------------------------------ */

int wire_send_reply(int fd, const struct wire_reply *r) { return send_document(fd, reply_fields, r, NULL, 0); }

static bool is_key(const char *fingerprint)
{
	enum trust_kind kind = fingerprint_kind(fingerprint);

	return kind == TRUST_OPENPGP || kind == TRUST_COSIGN;
}

bool wire_validator_valid(const char *s)
{
	size_t len = strlen(s);

	for (const char *p = s; *p; p++)
		if (*p < ' ' || *p > '~')
			return false;
	return len && len <= WIRE_VALIDATOR_MAX;
}

static bool may_be_validator(const char *s) { return !s || wire_validator_valid(s); }

static bool good_kind(const struct wire_reply *r) { return str_eq(r->text, KIND_ACI) || str_eq(r->text, KIND_ARCHIVE); }

static bool good_log(const struct wire_reply *r) { return r->text; }

static bool good_progress(const struct wire_reply *r) { return r->label && r->done >= 0 && r->total >= 0; }

/* Of the stored image or the one that just came. */
static bool good_freshness(const struct wire_reply *r)
{
	return may_be_validator(r->etag) && may_be_validator(r->last_modified) && r->max_age >= 0 &&
	       r->max_age <= WIRE_MAX_AGE_MAX;
}

static bool good_image(const struct wire_reply *r)
{
	return (!r->fingerprint || fingerprint_kind(r->fingerprint) == TRUST_OPENPGP) && good_freshness(r);
}

static bool good_version(const struct wire_reply *r) { return r->source && may_be_validator(r->version); }

static bool good_error(const struct wire_reply *r)
{
	return r->code < 0 && r->code >= -INT32_MAX && r->chain && r->chain[0];
}

static bool good_keys(const struct wire_reply *r)
{
	for (size_t i = 0; i < r->n_keys; i++)
		if (!is_key(r->keys[i].fingerprint) || !*r->keys[i].armor)
			return false;
	return true;
}

static bool good_manifest(const struct wire_reply *r)
{
	if (!r->manifest || !r->config || !r->appc || (int64_t)r->n_layers > limits()->layers ||
	    !oci_digest_valid(r->digest) || !oci_digest_valid(r->config_digest) ||
	    (r->fingerprint && !is_key(r->fingerprint)))
		return false;
	for (size_t i = 0; i < r->n_layers; i++) {
		const struct wire_layer *layer = &r->layers[i];

		if (!oci_digest_valid(layer->digest) || !oci_digest_valid(layer->diff_id) || layer->size < 0 ||
		    layer->size > WIRE_LAYER_MAX)
			return false;
	}
	return true;
}

/* The files that an image layout has. No other is opened for rkt-fetch, whatever lies in the directory. */
static bool good_open(const struct wire_reply *r)
{
	const char *path = r->path ?: "";
	AUTO(free) char *digest = xstrdup(str_starts(path, "blobs/") ? path + 6 : "");
	char *slash = strchr(digest, '/');

	if (slash)
		*slash = ':';
	return str_eq(path, "oci-layout") || str_eq(path, "index.json") || (slash && oci_digest_valid(digest));
}

static bool is_layer_index(int64_t index) { return index >= 0 && index < limits()->layers; }

static bool good_layer(const struct wire_reply *r) { return is_layer_index(r->index); }

static const struct { const char *kind; bool (*good)(const struct wire_reply *r); } kinds[] = {
	{ "log", good_log },
	{ "progress", good_progress },
	{ "image", good_image },
	{ "unchanged", good_freshness },
	{ "version", good_version },
	{ "keys", good_keys },
	{ "kind", good_kind },
	{ "manifest", good_manifest },
	{ "open", good_open },
	{ "layer", good_layer },
	{ "error", good_error },
};

int wire_reply_check(const struct wire_reply *r, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (str_eq(r->kind, kinds[i].kind) && kinds[i].good(r))
			return 0;
	return err_set(err, -EBADMSG, "received a message that makes no sense");
}

int wire_recv_reply(int fd, struct wire_reply *ret, struct err *err)
{
	int r = recv_document(fd, reply_fields, ret, NULL, err);

	if (r < 0)
		return r;
	r = wire_reply_check(ret, err);
	if (r < 0)
		wire_reply_clear(ret);
	return r;
}

/* --- commands ------------------------------------------------------------------ */

static const struct { const char *action; size_t n_fds; } commands[] = {
	{ "layer", 2 }, { "file", 1 }, { "missing", 0 }, { "version", 0 }, { "done", 0 },
};

static bool command_good(const struct wire_command *c, const struct passed *p)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (str_eq(c->action, commands[i].action))
			return p->n == commands[i].n_fds && !p->surplus && is_layer_index(c->index);
	return false;
}

int wire_send_command(int fd, const struct wire_command *c, const int *fds, size_t n_fds)
{
	assert(n_fds <= WIRE_COMMAND_FDS);
	return send_document(fd, command_fields, c, fds, n_fds);
}

int wire_recv_command(int fd, struct wire_command *ret, int ret_fds[WIRE_COMMAND_FDS], struct err *err)
{
	AUTO(passed_close) struct passed passed = {};
	int r;

	for (size_t i = 0; i < WIRE_COMMAND_FDS; i++)
		ret_fds[i] = -1;
	r = recv_document(fd, command_fields, ret, &passed, err);
	if (r < 0)
		return r;
	if (!command_good(ret, &passed)) {
		wire_command_clear(ret);
		return err_set(err, -EBADMSG, "received a command that makes no sense");
	}
	for (size_t i = 0; i < passed.n; i++)
		ret_fds[i] = passed.fds[i];
	passed.n = 0;
	return 0;
}

void wire_command_clear(struct wire_command *c) { json_clear(command_fields, c); }
void wire_credentials_clear(struct wire_request *r) { json_clear(credentials_only, r); }
void wire_request_clear(struct wire_request *r) { json_clear(request_fields, r); }
void wire_reply_clear(struct wire_reply *r) { json_clear(reply_fields, r); }
