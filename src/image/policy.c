#include "image/policy.h"

#include <string.h>

#include "base/fd.h"
#include "image/cosign.h"
#include "spec/registry.h"
#include "spec/limits.h"

/*
 * One image may have many signatures and many things that refer to it; what is
 * fetched in search of a good one is bounded.
 */
enum { SIGNATURES_MAX = 64, PAGES_MAX = 32, BUNDLES_MAX = 16, SILENCES_MAX = 2 };

/* The search for somebody who vouches for an image. */
struct search {
	const struct wire_request *request;
	const struct policy_image *image;
	struct cosign_keys *cosign;
	struct verifier *openpgp;
	struct signer *ret;
	struct registry_name claimed;	/* what an archive calls itself; a registry's image has its name from the request */
	struct err why;		/* what is wrong with the first signature that does not count */
	bool found;		/* there is one */
	struct err unasked;	/* what kept us from looking somewhere … */
	int unasked_code;	/* … 0: nothing did */
	int silences;		/* how often that was because nobody answered */
};

/* Where a signature is looked for: at one of the source's places, of the index or the manifest. */
struct spot {
	size_t place;
	const char *digest;
};

#define TYPE_EMPTY "application/vnd.oci.empty.v1+json"

enum { GOES_ON = 0, VERIFIED = 1 };

static void search_clear(struct search *s)
{
	cosign_keys_free(s->cosign);
	verifier_free(s->openpgp);
	registry_name_clear(&s->claimed);
	err_clear(&s->why);
	err_clear(&s->unasked);
}
static inline void search_clear_auto(struct search *s) { search_clear(s); }

/*
 * What a signature, or the document it lies in, came to. The search goes on after a bad one, and where something
 * could not be asked for: what lies elsewhere may count.
 */
static int judge(struct search *s, int r, struct err *why)
{
	bool bad = r == -ERR_BAD_SIGNATURE || r == -ERR_BAD_INPUT || r == -E2BIG;

	if (r >= 0)
		return VERIFIED;
	if (bad && !s->found) {
		s->found = true;
		s->why = *why;
		*why = (struct err){};
	}
	s->silences += r == -ETIMEDOUT || r == -ECONNREFUSED || r == -EHOSTUNREACH;
	if (!bad && r != -ERR_NOT_FOUND && !s->unasked_code) {
		s->unasked_code = r;
		s->unasked = *why;
		*why = (struct err){};
	}
	return GOES_ON;
}

/* --- documents ------------------------------------------------------------- */

static int read_document(const struct document *text, enum oci_kind kind, struct oci_document *ret,
			 struct err *err)
{
	int r = oci_document_read(text->text.data ?: "", text->text.len, text->media_type, ret, err);

	if (r < 0 || ret->kind == kind)
		return r;
	oci_document_clear(ret);
	return err_set(err, -ERR_BAD_INPUT, "it is %s", kind == OCI_KIND_INDEX ? "no index" : "no manifest");
}

/* The manifest that a tag names. -ERR_NOT_FOUND: there is none. */
static int read_tag(const struct search *s, size_t place, const char *tag, struct oci_document *ret, struct err *err)
{
	struct source *source = s->image->source;
	AUTO(document_clear) struct document text = {};
	int r = source->ops->tag ? source->ops->tag(source, place, tag, &text, err) : -ERR_NOT_FOUND;

	if (r >= 0)
		r = read_document(&text, OCI_KIND_MANIFEST, ret, err);
	return r < 0 && r != -ERR_NOT_FOUND ? err_wrap(err, r, "tag '%s'", tag) : r;
}

/* The index of what refers to the digest, a page of it. next: see struct source_ops. */
static int read_referrers(const struct search *s, const struct spot *at, char **next, struct oci_document *ret,
			  struct err *err)
{
	struct source *source = s->image->source;
	AUTO(document_clear) struct document text = {};
	int r = -ERR_NOT_FOUND;

	if (source->ops->referrers)
		r = source->ops->referrers(source, at->place, at->digest, next, &text, err);
	if (r >= 0)
		r = read_document(&text, OCI_KIND_INDEX, ret, err);
	return r < 0 && r != -ERR_NOT_FOUND ? err_wrap(err, r, "what refers to '%s'", at->digest) : r;
}

/* Something small that a manifest names. */
static int read_part(const struct search *s, const struct oci_descriptor *d, int64_t max, struct document *ret,
		     struct err *err)
{
	struct source *source = s->image->source;

	if (d->size > max)
		return err_set(err, -E2BIG, "'%s' has %lld bytes, more than a signature may have", d->digest,
			       (long long)d->size);
	return source->ops->document(source, d, ret, err);
}

/* --- cosign ------------------------------------------------------------------ */

static struct cosign_image cosign_image(const struct search *s, const char *digest)
{
	const struct wire_oci *oci = &s->request->oci;
	const struct registry_name *claimed = &s->claimed;

	if (!oci->registry)
		return (struct cosign_image){
			digest, claimed->registry, claimed->repository, s->image->source->tag ?: claimed->tag,
		};
	return (struct cosign_image){ digest, oci->registry, oci->repository, oci->digest ? NULL : oci->tag };
}

static int check_payload(struct search *s, const struct oci_descriptor *d, const char *digest)
{
	const char *signature = label_get(d->annotations, d->n_annotations, COSIGN_ANNOTATION);
	const struct cosign_image image = cosign_image(s, digest);
	AUTO(document_clear) struct document payload = {};
	AUTO(err_clear) struct err why = {};
	int r;

	if (!signature || !str_eq(d->media_type, COSIGN_TYPE_PAYLOAD))
		return GOES_ON;
	r = read_part(s, d, COSIGN_PAYLOAD_MAX, &payload, &why);
	if (r >= 0)
		r = cosign_check(s->cosign, payload.text.data ?: "", payload.text.len, signature, &image,
				 &s->ret->fingerprint, &why);
	return judge(s, r, &why);
}

/* As cosign stored them up to version 2: layers of the manifest that has the tag. */
static int look_for_payloads(struct search *s, const struct spot *at)
{
	AUTO(free) char *tag = oci_digest_tag(at->digest, ".sig");
	AUTO(oci_document_clear) struct oci_document manifest = {};
	AUTO(err_clear) struct err why = {};
	int r;

	if (!s->cosign)
		return GOES_ON;
	r = read_tag(s, at->place, tag, &manifest, &why);
	if (r < 0)
		return judge(s, r, &why);
	for (size_t i = 0; r == GOES_ON && i < manifest.n && i < SIGNATURES_MAX; i++)
		r = check_payload(s, &manifest.list[i], at->digest);
	return r;
}

static bool is_bundle(const char *type) { return str_starts(type, COSIGN_TYPE_BUNDLE) && str_ends(type, "+json"); }

/* A manifest whose one layer is the bundle. */
static int check_bundle(struct search *s, const struct oci_descriptor *d, const char *digest, struct err *err)
{
	const struct cosign_image image = cosign_image(s, digest);
	AUTO(document_clear) struct document text = {};
	AUTO(document_clear) struct document bundle = {};
	AUTO(oci_document_clear) struct oci_document manifest = {};
	int r = read_part(s, d, limits()->document_bytes, &text, err);

	if (r >= 0)
		r = read_document(&text, OCI_KIND_MANIFEST, &manifest, err);
	if (r < 0)
		return r;
	if (manifest.n != 1 || !is_bundle(manifest.list[0].media_type))
		return -ERR_NOT_FOUND;	/* something else that refers to the image */
	r = read_part(s, &manifest.list[0], COSIGN_BUNDLE_MAX, &bundle, err);
	if (r < 0)
		return r;
	return cosign_check_bundle(s->cosign, bundle.text.data ?: "", bundle.text.len, &image, &s->ret->fingerprint, err);
}

/* By what the list says of it; some registries tell the type of the configuration, which is empty, instead. */
static bool may_be_signature(const struct oci_descriptor *d)
{
	const char *predicate = label_get(d->annotations, d->n_annotations, "dev.sigstore.bundle.predicateType");

	return str_eq(d->media_type, OCI_TYPE_MANIFEST) && (!predicate || str_eq(predicate, COSIGN_PREDICATE)) &&
	       (!d->artifact_type || is_bundle(d->artifact_type) || str_eq(d->artifact_type, TYPE_EMPTY));
}

/* asked: how many were looked into. */
static int check_bundles(struct search *s, const struct oci_document *list, const char *digest, int *asked)
{
	int r = GOES_ON;

	for (size_t i = 0; r == GOES_ON && i < list->n && *asked < BUNDLES_MAX; i++) {
		AUTO(err_clear) struct err bad = {};

		if (!may_be_signature(&list->list[i]))
			continue;
		++*asked;
		r = check_bundle(s, &list->list[i], digest, &bad);
		r = judge(s, r, &bad);
	}
	return r;
}

/*
 * As version 3 does: bundles among what refers to the image. The registry is not asked for that type alone: some
 * filter by another type than they list, and the type has a version in it.
 */
static int look_for_bundles(struct search *s, const struct spot *at)
{
	AUTO(err_clear) struct err why = {};
	AUTO(free) char *next = NULL;
	int r = GOES_ON, asked = 0, pages = 0;

	if (!s->cosign)
		return GOES_ON;
	do {
		AUTO(oci_document_clear) struct oci_document list = {};

		if (pages++ == PAGES_MAX)
			r = err_set(&why, -E2BIG, "what refers to '%s' has more than %d pages", at->digest, PAGES_MAX);
		else
			r = read_referrers(s, at, &next, &list, &why);
		if (r < 0)
			return judge(s, r, &why);
		r = check_bundles(s, &list, at->digest, &asked);
	} while (r == GOES_ON && next && asked < BUNDLES_MAX);
	return r;
}

/* --- OpenPGP ------------------------------------------------------------------ */

static int check_detached(struct search *s, const char *digest, const char *signature, size_t len, struct err *err)
{
	AUTO(free) char *line = xasprintf("%s\n", digest);
	int r = verifier_check_text(s->openpgp, line, signature, len, s->ret, err);

	return r == -ERR_BAD_SIGNATURE ? verifier_check_text(s->openpgp, digest, signature, len, s->ret, err) : r;
}

static int look_for_detached(struct search *s, const struct spot *at)
{
	AUTO(free) char *tag = oci_digest_tag(at->digest, ".asc");
	AUTO(oci_document_clear) struct oci_document manifest = {};
	AUTO(document_clear) struct document text = {};
	AUTO(err_clear) struct err why = {};
	int r;

	if (!s->openpgp)
		return GOES_ON;
	r = read_tag(s, at->place, tag, &manifest, &why);
	if (r >= 0 && (manifest.n != 1 || !str_eq(manifest.list[0].media_type, POLICY_TYPE_OPENPGP)))
		r = err_set(&why, -ERR_BAD_INPUT, "tag '%s' has not one layer of type " POLICY_TYPE_OPENPGP, tag);
	if (r >= 0)
		r = read_part(s, &manifest.list[0], SIGNATURE_MAX, &text, &why);
	if (r >= 0)
		r = check_detached(s, at->digest, text.text.data ?: "", text.text.len, &why);
	return judge(s, r, &why);
}

static int check_either(struct search *s, const char *signature, size_t len, struct err *err)
{
	const struct policy_image *image = s->image;
	int r = -ERR_BAD_SIGNATURE;

	if (!s->openpgp)
		return err_set(err, r, "openpgp: signature made by unknown entity");
	if (image->index_digest)
		r = check_detached(s, image->index_digest, signature, len, err);
	return r == -ERR_BAD_SIGNATURE ? check_detached(s, image->manifest_digest, signature, len, err) : r;
}

/* The file that came along. */
static int check_file(struct search *s, struct err *err)
{
	AUTO(free) char *signature = NULL;
	AUTO(err_clear) struct err why = {};
	size_t len = 0;
	int r;

	if (!s->request->has_signature)
		return GOES_ON;
	r = fd_read_file(WIRE_FD_SIGNATURE, SIGNATURE_MAX, &signature, &len);
	if (r == -E2BIG)
		err_set(&why, r, "keystore: no valid signatures found in signature file");
	else if (r < 0)
		return err_sys(err, r, "error reading signature file");
	else
		r = check_either(s, signature, len, &why);
	return judge(s, r, &why);
}

/* --- the policy ----------------------------------------------------------------- */

static int (*const ways[])(struct search *s, const struct spot *at) = {
	look_for_payloads, look_for_bundles, look_for_detached,
};

/* Each silence is waited for long: who says nothing to one question and the next will not answer a third. */
static int look_at(struct search *s, size_t place)
{
	const char *digests[] = { s->image->index_digest, s->image->manifest_digest };
	int r = GOES_ON;

	for (size_t way = 0; way < ARRAY_LEN(ways); way++)
		for (size_t i = 0; r == GOES_ON && i < ARRAY_LEN(digests); i++)
			if (digests[i] && s->silences < SILENCES_MAX)
				r = ways[way](s, &(struct spot){ place, digests[i] });
	return r;
}

/* Nothing that counts, and something that was not seen, is no answer. */
static int look_everywhere(struct search *s, struct err *err)
{
	size_t n = s->image->source->n_places ?: 1;
	int r = check_file(s, err);

	if (s->request->named_signature)
		return r;	/* who names one wants that one to count, and not to be told nothing if it doesn't */
	for (size_t place = 0; r == GOES_ON && place < n; place++)
		r = look_at(s, place);
	if (r == GOES_ON && s->unasked_code) {
		AUTO(free) char *text = err_text(&s->unasked);

		return err_wrap(err, err_set(err, s->unasked_code, "%s", text), "cannot look for signatures");
	}
	return r;
}

static int read_keys(struct search *s, struct err *err)
{
	const struct wire_request *q = s->request;
	int r = 0;

	if (q->oci.n_cosign_keys)
		r = cosign_keys_new(q->oci.cosign_keys, q->oci.n_cosign_keys, &s->cosign, err);
	if (r >= 0 && q->n_trusted)
		r = verifier_new(q->trusted, q->n_trusted, &s->openpgp, err);
	return r;
}

/* What can be done about it, in brackets. The caller frees it. */
static char *way_out(const struct wire_request *q, const char *name)
{
	const struct wire_oci *oci = &q->oci;

	if (q->named_signature)
		return xstrdup("trust its signer with \"rkt trust KEY\", go without --signature, or try "
			       "--insecure-options=image");
	if (!oci->registry)
		return xstrdup("give a signature of it with --signature=FILE, or try --insecure-options=image");
	if (oci->accepted && oci->unproven)
		return xasprintf("unsigned images of that name are accepted of the registry alone, and with "
				 "--insecure-options=tls or http nobody knows who answers; leave that out, trust its signer with "
				 "\"rkt trust --prefix=%s KEY\", or try --insecure-options=image", name);
	return xasprintf("trust its signer with \"rkt trust --prefix=%s KEY\", accept it unsigned with "
			 "\"rkt trust --accept-unsigned --prefix=%s\", or try --insecure-options=image", name, name);
}

static int refuse(const struct search *s, struct err *err)
{
	const struct wire_oci *oci = &s->request->oci;
	const char *digest = s->image->manifest_digest;
	AUTO(free) char *known = oci->registry && oci->repository ? registry_appc_name(oci->registry, oci->repository) : NULL;
	const char *name = known ?: s->request->path ?: "image";
	AUTO(free) char *why = s->found ? err_text(&s->why) : NULL;
	AUTO(free) char *help = way_out(s->request, name);

	if (s->found && s->request->named_signature)
		return err_set(err, -ERR_BAD_SIGNATURE, "the signature that was given for \"%s\" (%s) does not count: %s (%s)",
			       name, digest, why, help);
	if (s->found)
		return err_set(err, -ERR_BAD_SIGNATURE, "no signature of \"%s\" (%s) counts: %s (%s)", name, digest, why,
			       help);
	if (!s->cosign && !s->openpgp)
		return err_set(err, -ERR_NO_SIGNATURE, "no key is trusted for \"%s\" (%s) (%s)", name, digest, help);
	return err_set(err, -ERR_NO_SIGNATURE, "no signature of \"%s\" (%s) found (%s)", name, digest, help);
}

/*
 * A name is accepted unsigned because the registry keeps others from using it; an archive may call itself what it
 * likes, and so may whoever answers in place of a registry. And who gives a signature wants it to count.
 */
static bool may_be_unsigned(const struct wire_request *q)
{
	return q->oci.accepted && !q->oci.unproven && q->oci.registry && !q->has_signature;
}

int policy_verify(const struct wire_request *request, const struct policy_image *image, struct signer *ret,
		  struct err *err)
{
	AUTO(signer_clear) struct signer signer = {};
	AUTO(search_clear) struct search s = { .request = request, .image = image, .ret = &signer };
	int r;

	if (request->skip_signature)
		return 0;
	r = read_keys(&s, err);
	if (r >= 0 && !request->oci.registry && image->source->name)
		(void)registry_name_parse(image->source->name, &s.claimed, NULL);
	if (r >= 0)
		r = look_everywhere(&s, err);
	if (r < 0)
		return r;
	if (r == GOES_ON && !may_be_unsigned(request))
		return refuse(&s, err);
	if (signer.fingerprint && !signer.identities)
		strv_add(&signer.identities, signer.fingerprint);	/* cosign's keys have no other name */
	*ret = signer;
	signer = (struct signer){};
	return 0;
}
