#include <stdint.h>
#include <string.h>

#include "image/cosign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The same bytes as a key, as a signature, as a bundle, and as what is looked at once it is signed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct cosign_image image = {
		.digest = "sha256:6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d",
		.registry = "registry-1.docker.io", .repository = "library/busybox", .tag = "latest",
	};
	AUTO(cosign_keys_free) struct cosign_keys *keys = NULL;
	AUTO(free) char *text = xcalloc(1, size + 1);
	AUTO(free) char *fingerprint = NULL;
	AUTO(free) char *signer = NULL;
	struct wire_trusted trusted = { .armor = text };

	if (size)
		memcpy(text, data, size);
	if (cosign_key_read(text, size, &fingerprint, NULL) >= 0) {
		trusted.fingerprint = fingerprint;
		(void)cosign_keys_new(&trusted, 1, &keys, NULL);
	} else {
		(void)cosign_keys_new(NULL, 0, &keys, NULL);
	}
	(void)cosign_check(keys, text, size, text, &image, &signer, NULL);
	(void)cosign_check_bundle(keys, text, size, &image, &signer, NULL);
	(void)cosign_payload_check(text, size, &image, NULL);
	(void)cosign_statement_check(text, size, &image, NULL);
	return 0;
}
