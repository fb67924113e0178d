#include "image/policy.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "base/fd.h"
#include "image/cosign.h"
#include "image/sha.h"

/* The signatures in SEEDS_DIR are over this digest. */
#define HEX	"6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d"
#define DIGEST	"sha256:" HEX
#define NONE	"sha256:0000000000000000000000000000000000000000000000000000000000000000"
#define P256	"cosign-99f485f9b1db47f0bf97d94b44c8849617235f583924a8ee4b9958e4b295899a"
#define OTHER	"cosign-647b2003cafe4b33557a121e27167e0d500f850155c78987e0fc0d3366c833f2"
#define PGP	"b5d17c244b962cd178f29836cfc4f9af50a1b931"
#define BUSYBOX	"registry-1.docker.io/library/busybox"

static char *seed(const char *name)
{
	AUTO(free) char *path = xasprintf(SEEDS_DIR "/%s", name);
	char *data = NULL;

	assert_int_equal(file_read(AT_FDCWD, path, 1 << 20, &data, NULL), 0);
	return data;
}

/* --- a source that is a few documents ---------------------------------------- */

enum { DOCUMENTS_MAX = 16 };

struct fake {
	struct source source;
	struct { char *tag, *digest, *text; } documents[DOCUMENTS_MAX];
	size_t n, asked;
	int broken;		/* what looking for a tag fails with … */
	const char *broken_tag;	/* … of this ending; NULL: of any */
	size_t place;		/* where the tags are */
	int pages;		/* of lists, before the one that has something */
};

static int give(const char *text, const char *digest, struct document *ret)
{
	buf_adds(&ret->text, text);
	ret->digest = xstrdup(digest);
	return 0;
}

static int fake_tag(struct source *source, size_t place, const char *tag, struct document *ret, struct err *err)
{
	struct fake *f = (struct fake *)source;

	f->asked++;
	if (f->broken && (!f->broken_tag || str_ends(tag, f->broken_tag)))
		return err_set(err, f->broken, "the registry is on fire");
	for (size_t i = 0; i < f->n; i++)
		if (place == f->place && str_eq(f->documents[i].tag, tag))
			return give(f->documents[i].text, f->documents[i].digest, ret);
	return err_set(err, -ERR_NOT_FOUND, "there is no tag '%s'", tag);
}

static int fake_referrers(struct source *source, size_t place, const char *digest, char **next, struct document *ret,
			  struct err *err)
{
	AUTO(free) char *tag = xasprintf("sha256-%s", digest + strlen("sha256:"));
	struct fake *f = (struct fake *)source;
	int page = *next ? (int)strtol(*next, NULL, 10) : 0;

	free(*next);
	*next = page < f->pages ? xasprintf("%d", page + 1) : NULL;
	if (*next)
		return give("{\"schemaVersion\":2,\"mediaType\":\"" OCI_TYPE_INDEX "\",\"manifests\":[]}", NONE, ret);
	return fake_tag(source, place, tag, ret, err);
}

static int fake_document(struct source *source, const struct oci_descriptor *d, struct document *ret,
			 struct err *err)
{
	struct fake *f = (struct fake *)source;

	f->asked++;
	for (size_t i = 0; i < f->n; i++)
		if (str_eq(f->documents[i].digest, d->digest))
			return give(f->documents[i].text, d->digest, ret);
	return err_set(err, -ERR_NOT_FOUND, "there is no blob '%s'", d->digest);
}

static const struct source_ops fake_ops = {
	.tag = fake_tag, .document = fake_document, .referrers = fake_referrers,
};

/* Owns the text. Returns its digest. */
static const char *fake_put(struct fake *f, const char *tag, char *text)
{
	assert_true(f->n < DOCUMENTS_MAX);
	f->documents[f->n].tag = xstrdup(tag);
	f->documents[f->n].digest = sha_digest("sha256:", text, strlen(text));
	f->documents[f->n].text = text;
	return f->documents[f->n++].digest;
}

/* A manifest of one layer. */
static const char *fake_manifest(struct fake *f, const char *tag, char *layer, const char *type, const char *more)
{
	const char *digest = fake_put(f, NULL, layer);

	return fake_put(f, tag, xasprintf(
		"{\"schemaVersion\":2,\"mediaType\":\"" OCI_TYPE_MANIFEST "\",\"config\":{\"mediaType\":"
		"\"application/vnd.oci.empty.v1+json\",\"digest\":\"" NONE "\",\"size\":2},\"layers\":[{\"mediaType\":\"%s\","
		"\"digest\":\"%s\",\"size\":%zu%s}]}", type, digest, strlen(layer), more));
}

static void put_payload(struct fake *f, const char *signature)
{
	AUTO(free) char *text = seed(signature);
	AUTO(free) char *more = xasprintf(",\"annotations\":{\"" COSIGN_ANNOTATION "\":\"%s\"}", text);

	fake_manifest(f, "sha256-" HEX ".sig", seed("cosign/payload.json"), COSIGN_TYPE_PAYLOAD, more);
}

static void put_bundle(struct fake *f, const char *bundle, const char *more)
{
	const char *manifest = fake_manifest(f, NULL, seed(bundle), COSIGN_TYPE_BUNDLE "v0.3+json", "");

	fake_put(f, "sha256-" HEX, xasprintf(
		"{\"schemaVersion\":2,\"mediaType\":\"" OCI_TYPE_INDEX "\",\"manifests\":[{\"mediaType\":\"" OCI_TYPE_MANIFEST
		"\",\"digest\":\"%s\",\"size\":500%s}]}", manifest, more));
}

static void put_detached(struct fake *f, const char *signature)
{
	fake_manifest(f, "sha256-" HEX ".asc", seed(signature), POLICY_TYPE_OPENPGP, "");
}

static struct fake fake_new(void) { return (struct fake){ .source = { .ops = &fake_ops } }; }

static void fake_clear(struct fake *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->documents[i].tag);
		free(f->documents[i].digest);
		free(f->documents[i].text);
	}
	*f = (struct fake){};
}
static inline void fake_clear_auto(struct fake *f) { fake_clear(f); }

/* --- requests ------------------------------------------------------------------ */

enum { TRUST_P256 = 1, TRUST_OTHER = 2, TRUST_PGP = 4, ACCEPTED = 8, FILE_TOO = 16, ARCHIVE = 32, BY_INDEX = 64, UNPROVEN = 128, NAMED = 256 | FILE_TOO };

static void trust(struct wire_trusted **list, size_t *n, const char *fingerprint, const char *file)
{
	*list = xreallocarray(*list, *n + 1, sizeof(**list));
	(*list)[(*n)++] = (struct wire_trusted){ xstrdup(fingerprint), seed(file) };
}

static struct wire_request request(unsigned flags)
{
	struct wire_request q = { .has_signature = flags & FILE_TOO, .named_signature = (flags & NAMED) == NAMED };
	struct wire_oci *oci = &q.oci;

	oci->accepted = flags & ACCEPTED;
	oci->unproven = flags & UNPROVEN;
	oci->repository = xstrdup("library/busybox");
	oci->tag = xstrdup("latest");
	if (!(flags & ARCHIVE))
		oci->registry = xstrdup("registry-1.docker.io");
	else
		q.path = xstrdup("x.tar");
	if (flags & TRUST_OTHER)
		trust(&oci->cosign_keys, &oci->n_cosign_keys, OTHER, "cosign/other.pub");
	if (flags & TRUST_P256)
		trust(&oci->cosign_keys, &oci->n_cosign_keys, P256, "cosign/p256.pub");
	if (flags & TRUST_PGP)
		trust(&q.trusted, &q.n_trusted, PGP, "pgp_key/digest.asc");
	return q;
}

static int verify(struct fake *f, unsigned flags, struct signer *ret, struct err *err)
{
	AUTO(wire_request_clear) struct wire_request q = request(flags);
	const struct policy_image image = {
		.source = &f->source,
		.index_digest = flags & BY_INDEX ? DIGEST : NULL,
		.manifest_digest = flags & BY_INDEX ? NONE : DIGEST,
	};

	return policy_verify(&q, &image, ret, err);
}

/* What comes of it, and what the words of a refusal must have in them. signer NULL: nobody. */
static void expect(struct fake *f, unsigned flags, int want, const char *signer, const char *words)
{
	AUTO(signer_clear) struct signer found = {};
	AUTO(err_clear) struct err err = {};
	int r = verify(f, flags, &found, &err);
	AUTO(free) char *text = err_text(&err);

	if (r != want || (words && !strstr(text, words)))
		print_message("%d: %s\n", r, text);
	assert_int_equal(r, want);
	assert_true(str_eq(found.fingerprint, signer));
	if (words)
		assert_non_null(strstr(text, words));
}

/* --- tests ----------------------------------------------------------------------- */

static void nothing_is_trusted(void **state)
{
	AUTO(fake_clear) struct fake f = fake_new();

	put_payload(&f, "cosign/p256.sig");
	expect(&f, 0, -ERR_NO_SIGNATURE, NULL,
	       "no key is trusted for \"" BUSYBOX "\" (" DIGEST ") (trust its signer with \"rkt trust --prefix=" BUSYBOX " KEY\", accept it "
	       "unsigned with \"rkt trust --accept-unsigned --prefix=" BUSYBOX "\", or try --insecure-options=image)");
	assert_int_equal(f.asked, 0);
	expect(&f, ACCEPTED, 0, NULL, NULL);
	expect(&f, ARCHIVE, -ERR_NO_SIGNATURE, NULL, "no key is trusted for \"x.tar\" (" DIGEST ") (give a signature of it with --signature");
	expect(&f, ARCHIVE | ACCEPTED, -ERR_NO_SIGNATURE, NULL, "no key");	/* it may call itself anything */
}

/* Whose word it is that the image has that name, must be known. */
static void accepted_of_whoever_answers(void **state)
{
	AUTO(fake_clear) struct fake f = fake_new();

	expect(&f, ACCEPTED | UNPROVEN, -ERR_NO_SIGNATURE, NULL, "no key is trusted for \"" BUSYBOX "\" (" DIGEST ") (unsigned "
	       "images of that name are accepted of the registry alone, and with --insecure-options=tls or http nobody knows");
	expect(&f, UNPROVEN, -ERR_NO_SIGNATURE, NULL, "--accept-unsigned");
	put_payload(&f, "cosign/p256.sig");
	expect(&f, ACCEPTED | UNPROVEN | TRUST_P256, 0, P256, NULL);
	expect(&f, ACCEPTED | UNPROVEN | TRUST_OTHER, -ERR_BAD_SIGNATURE, NULL, "nobody knows who answers");
}

static void no_signature(void **state)
{
	AUTO(fake_clear) struct fake f = fake_new();

	expect(&f, TRUST_P256 | TRUST_PGP, -ERR_NO_SIGNATURE, NULL, "no signature of \"" BUSYBOX "\" (" DIGEST ") found");
	assert_int_equal(f.asked, 3);
	expect(&f, TRUST_P256 | TRUST_PGP | BY_INDEX, -ERR_NO_SIGNATURE, NULL, "found");
	expect(&f, TRUST_P256 | TRUST_PGP | ACCEPTED, 0, NULL, NULL);
	f.broken = -ETIMEDOUT;	/* then nobody knows */
	expect(&f, TRUST_P256 | ACCEPTED, -ETIMEDOUT, NULL, "cannot look for signatures: tag 'sha256-" HEX ".sig': the registry");
	f.source.ops = &(const struct source_ops){};	/* `docker save` writes no tags */
	expect(&f, TRUST_P256 | TRUST_PGP, -ERR_NO_SIGNATURE, NULL, "found");
}

/* What can't be asked for ends nothing that another way, or another place, makes good. */
static void one_way_fails(void **state)
{
	AUTO(fake_clear) struct fake f = fake_new();

	f.broken = -EAGAIN;
	f.broken_tag = ".sig";
	put_payload(&f, "cosign/p256.sig");
	expect(&f, TRUST_P256 | TRUST_PGP, -EAGAIN, NULL, "cannot look for signatures: tag 'sha256-" HEX ".sig': the registry");
	expect(&f, TRUST_P256 | ACCEPTED, -EAGAIN, NULL, "cannot look for signatures");
	put_detached(&f, "pgp_signature/digest.asc");
	expect(&f, TRUST_P256 | TRUST_PGP, 0, PGP, NULL);
	put_bundle(&f, "cosign/bundle.json", "");
	expect(&f, TRUST_P256, 0, P256, NULL);
	f.broken_tag = "sha256-" HEX;
	expect(&f, TRUST_P256, 0, P256, NULL);
	expect(&f, TRUST_OTHER, -EAGAIN, NULL, "cannot look for signatures: what refers to '" DIGEST "': the registry");
}

static void nobody_answers(void **state)
{
	AUTO(fake_clear) struct fake f = fake_new();

	put_detached(&f, "pgp_signature/digest.asc");
	f.broken = -ETIMEDOUT;
	expect(&f, TRUST_P256 | TRUST_PGP | BY_INDEX, -ETIMEDOUT, NULL, "cannot look for signatures");
	assert_int_equal(f.asked, 2);
	f.broken_tag = ".sig";	/* once is no habit */
	expect(&f, TRUST_P256 | TRUST_PGP, 0, PGP, NULL);
}

static void several_places(void **state)
{
	AUTO(fake_clear) struct fake f = fake_new();

	put_payload(&f, "cosign/p256.sig");
	f.place = 2;
	f.source.n_places = 2;
	expect(&f, TRUST_P256, -ERR_NO_SIGNATURE, NULL, "found");
	f.source.n_places = 3;
	expect(&f, TRUST_P256, 0, P256, NULL);
	expect(&f, TRUST_OTHER, -ERR_BAD_SIGNATURE, NULL, "unknown entity");
}

static void pages(void **state)
{
	AUTO(fake_clear) struct fake f = fake_new();

	put_bundle(&f, "cosign/bundle.json", "");
	f.pages = 3;
	expect(&f, TRUST_P256, 0, P256, NULL);
	f.pages = 1000;
	expect(&f, TRUST_P256, -ERR_BAD_SIGNATURE, NULL, "what refers to '" DIGEST "' has more than 32 pages");
}

static void payloads(void **state)
{
	AUTO(fake_clear) struct fake f = fake_new();

	put_payload(&f, "cosign/p256.sig");
	expect(&f, TRUST_P256, 0, P256, NULL);
	expect(&f, TRUST_P256 | TRUST_OTHER | TRUST_PGP, 0, P256, NULL);
	expect(&f, TRUST_P256 | BY_INDEX, 0, P256, NULL);
	expect(&f, TRUST_P256 | ARCHIVE, -ERR_BAD_SIGNATURE, NULL, "nothing in the file says that the image is called so");
	f.source.tag = (char[]){ "1.36" };
	expect(&f, TRUST_P256 | ARCHIVE, -ERR_BAD_SIGNATURE, NULL, "nothing in the file says");
	f.source.name = (char[]){ "no name, it says" };
	expect(&f, TRUST_P256 | ARCHIVE, -ERR_BAD_SIGNATURE, NULL, "nothing in the file says");
	f.source.name = (char[]){ "busybox:1.36" };
	expect(&f, TRUST_P256 | ARCHIVE, 0, P256, NULL);
	f.source.name = (char[]){ "docker.io/evil/busybox" };	/* an archive's name is what was signed */
	expect(&f, TRUST_P256 | ARCHIVE, -ERR_BAD_SIGNATURE, NULL, "cosign: the signature is for");
	expect(&f, TRUST_P256, 0, P256, NULL);
	expect(&f, TRUST_OTHER, -ERR_BAD_SIGNATURE, NULL,
	       "no signature of \"" BUSYBOX "\" (" DIGEST ") counts: cosign: signature made by unknown entity (trust its signer");
	expect(&f, TRUST_OTHER | ACCEPTED, 0, NULL, NULL);
	expect(&f, TRUST_PGP, -ERR_NO_SIGNATURE, NULL, "found");
}

static void bad_payloads(void **state)
{
	AUTO(fake_clear) struct fake f = fake_new();

	fake_put(&f, "sha256-" HEX ".sig", xstrdup("{}"));
	expect(&f, TRUST_P256, -ERR_BAD_SIGNATURE, NULL, "tag 'sha256-" HEX ".sig': schemaVersion");
	put_bundle(&f, "cosign/bundle.json", "");	/* one bad thing does not hide a good one */
	expect(&f, TRUST_P256, 0, P256, NULL);
	fake_clear(&f);
	f = fake_new();
	put_payload(&f, "cosign/p384.sig");
	free(f.documents[0].text);	/* what the layer names has changed its length, say */
	f.documents[0].text = xstrdup("{}");
	expect(&f, TRUST_P256, -ERR_BAD_SIGNATURE, NULL, "unknown entity");
}

static void too_large(void **state)
{
	AUTO(fake_clear) struct fake f = fake_new();

	fake_put(&f, "sha256-" HEX ".sig", xstrdup(
		"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" OCI_TYPE_CONFIG "\",\"digest\":\"" NONE "\",\"size\":2},"
		"\"layers\":[{\"mediaType\":\"" COSIGN_TYPE_PAYLOAD "\",\"digest\":\"" NONE "\",\"size\":1000000,"
		"\"annotations\":{\"" COSIGN_ANNOTATION "\":\"AAAA\"}}]}"));
	expect(&f, TRUST_P256, -ERR_BAD_SIGNATURE, NULL, "more than a signature may have");
}

static void bundles(void **state)
{
	AUTO(fake_clear) struct fake f = fake_new();

	put_bundle(&f, "cosign/bundle.json",
		   ",\"artifactType\":\"application/vnd.dev.sigstore.bundle.v0.3+json\",\"annotations\":"
		   "{\"dev.sigstore.bundle.predicateType\":\"" COSIGN_PREDICATE "\"}");
	expect(&f, TRUST_P256, 0, P256, NULL);
	expect(&f, TRUST_P256 | BY_INDEX, 0, P256, NULL);
	expect(&f, TRUST_OTHER, -ERR_BAD_SIGNATURE, NULL, "cosign: signature made by unknown entity");
}

static void attestations(void **state)
{
	AUTO(fake_clear) struct fake f = fake_new();

	put_bundle(&f, "cosign/attestation.json", "");
	expect(&f, TRUST_P256, -ERR_BAD_SIGNATURE, NULL, "its statement is of another type");
	fake_clear(&f);
	f = fake_new();
	put_bundle(&f, "cosign/attestation.json",
		   ",\"annotations\":{\"dev.sigstore.bundle.predicateType\":\"https://slsa.dev/provenance/v1\"}");
	expect(&f, TRUST_P256, -ERR_NO_SIGNATURE, NULL, "found");
	assert_int_equal(f.asked, 2);	/* it is not even fetched */
	fake_clear(&f);
	f = fake_new();
	put_bundle(&f, "cosign/bundle.json", ",\"artifactType\":\"application/spdx+json\"");
	expect(&f, TRUST_P256, -ERR_NO_SIGNATURE, NULL, "found");
}

static void detached(void **state)
{
	AUTO(fake_clear) struct fake f = fake_new();

	put_detached(&f, "pgp_signature/digest.asc");
	expect(&f, TRUST_PGP, 0, PGP, NULL);
	expect(&f, TRUST_PGP | TRUST_OTHER | BY_INDEX, 0, PGP, NULL);
	expect(&f, TRUST_P256, -ERR_NO_SIGNATURE, NULL, "found");
	fake_clear(&f);
	f = fake_new();
	put_detached(&f, "pgp_signature/digest-bare.asc");
	expect(&f, TRUST_PGP, 0, PGP, NULL);
	fake_clear(&f);
	f = fake_new();
	put_detached(&f, "pgp_signature/good.asc");
	expect(&f, TRUST_PGP, -ERR_BAD_SIGNATURE, NULL, "openpgp: signature made by unknown entity");
	fake_clear(&f);
	f = fake_new();
	fake_manifest(&f, "sha256-" HEX ".asc", seed("pgp_signature/digest.asc"), "text/plain", "");
	expect(&f, TRUST_PGP, -ERR_BAD_SIGNATURE, NULL, "has not one layer of type application/pgp-signature");
}

/* The file that rkt gives along, at its place. */
static void give_file(const char *name)
{
	AUTO(free) char *text = seed(name);
	int fd = memfd_create("signature", MFD_CLOEXEC);

	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	assert_true(dup2(fd, WIRE_FD_SIGNATURE) == WIRE_FD_SIGNATURE);
	if (fd != WIRE_FD_SIGNATURE)
		close(fd);
}

static void files(void **state)
{
	AUTO(fake_clear) struct fake f = fake_new();

	give_file("pgp_signature/digest.asc");
	expect(&f, TRUST_PGP | FILE_TOO, 0, PGP, NULL);
	expect(&f, TRUST_PGP | FILE_TOO | ARCHIVE | BY_INDEX, 0, PGP, NULL);
	assert_int_equal(f.asked, 0);
	expect(&f, FILE_TOO, -ERR_BAD_SIGNATURE, NULL, "openpgp: signature made by unknown entity");
	expect(&f, FILE_TOO | ACCEPTED, -ERR_BAD_SIGNATURE, NULL, "unknown entity");
	give_file("pgp_signature/good.asc");
	expect(&f, TRUST_PGP | FILE_TOO | ACCEPTED, -ERR_BAD_SIGNATURE, NULL, "unknown entity");
	put_payload(&f, "cosign/p256.sig");
	expect(&f, TRUST_PGP | TRUST_P256 | FILE_TOO, 0, P256, NULL);
	/* One that was named is not passed over for another. */
	expect(&f, TRUST_PGP | TRUST_P256 | NAMED, -ERR_BAD_SIGNATURE, NULL, "the signature that was given for \"" BUSYBOX
	       "\" (" DIGEST ") does not count: openpgp: signature made by unknown entity (key");
	expect(&f, TRUST_P256 | NAMED, -ERR_BAD_SIGNATURE, NULL, "unknown entity");
	give_file("pgp_signature/digest.asc");
	expect(&f, TRUST_PGP | TRUST_P256 | NAMED, 0, PGP, NULL);
	close(WIRE_FD_SIGNATURE);
}

static void unreadable_keys(void **state)
{
	AUTO(fake_clear) struct fake f = fake_new();
	AUTO(wire_request_clear) struct wire_request q = request(TRUST_P256);
	const struct policy_image image = { .source = &f.source, .manifest_digest = DIGEST };
	AUTO(signer_clear) struct signer signer = {};
	AUTO(err_clear) struct err err = {};

	q.oci.cosign_keys[0].armor[40] ^= 1;
	assert_int_equal(policy_verify(&q, &image, &signer, &err), -ERR_BAD_INPUT);
	assert_string_equal(err.chain[0], "cannot read trusted key '" P256 "'");
	q.skip_signature = true;
	assert_int_equal(policy_verify(&q, &image, &signer, &err), 0);
	assert_null(signer.fingerprint);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_trusted), cmocka_unit_test(accepted_of_whoever_answers),
		cmocka_unit_test(no_signature), cmocka_unit_test(payloads),
		cmocka_unit_test(one_way_fails), cmocka_unit_test(nobody_answers),
		cmocka_unit_test(several_places), cmocka_unit_test(pages),
		cmocka_unit_test(bad_payloads), cmocka_unit_test(too_large), cmocka_unit_test(bundles),
		cmocka_unit_test(attestations), cmocka_unit_test(detached), cmocka_unit_test(files),
		cmocka_unit_test(unreadable_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
