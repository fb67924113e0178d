#include "base/log.h"
#include "base/mem.h"
#include "stage0/settings.h"

struct fetch_credential *config_credentials(const struct config *c, size_t *ret_n)
{
	struct fetch_credential *list = xcalloc(c->n_auth + c->n_docker_auth + 1, sizeof(*list));
	size_t n = 0;

	for (size_t i = 0; i < c->n_auth; i++) {
		const struct config_auth *auth = &c->auth[i];

		list[n++] = (struct fetch_credential){
			.domain = auth->domain, .type = auth->type,
			.user = auth->user, .password = auth->password,
			.token = auth->token,
			.aws_key_id = auth->access_key_id, .aws_secret = auth->secret_access_key,
			.aws_region = auth->region,
		};
	}
	for (size_t i = 0; i < c->n_docker_auth; i++) {
		const struct config_docker_auth *auth = &c->docker_auth[i];

		list[n++] = (struct fetch_credential){
			.domain = auth->registry, .type = "docker", .user = auth->user, .password = auth->password,
		};
	}
	*ret_n = n;
	return list;
}

void config_tell_unread(const struct config *c)
{
	AUTO(free) char *paths = c->unread ? strv_join(c->unread, "\", \"") : NULL;

	if (paths)
		log_warn("going on without the credentials in \"%s\", which this user may not read", paths);
}

struct fetch_registry *config_mirrors(const struct config *c, size_t *ret_n)
{
	struct fetch_registry *list = xcalloc(c->n_registries + 1, sizeof(*list));

	for (size_t i = 0; i < c->n_registries; i++)
		list[i] = (struct fetch_registry){ c->registries[i].registry, c->registries[i].mirrors };
	*ret_n = c->n_registries;
	return list;
}
