#include "stage0/settings.h"

static void open_entry(struct json_writer *w, const char *kind)
{
	json_open_object(w, NULL);
	json_write_text(w, "rktVersion", "v1");
	json_write_text(w, "rktKind", kind);
}

static void write_list_of_one(struct json_writer *w, const char *key, const char *value)
{
	json_open_array(w, key);
	json_write_text(w, NULL, value);
	json_close(w);
}

static void write_present(struct json_writer *w, const char *key, const char *value)
{
	if (value)
		json_write_text(w, key, value);
}

static void write_auth(struct json_writer *w, const struct config_auth *auth)
{
	open_entry(w, "auth");
	write_list_of_one(w, "domains", auth->domain);
	json_write_text(w, "type", auth->type);
	json_open_object(w, "credentials");
	write_present(w, "user", auth->user);
	write_present(w, "password", auth->password);
	write_present(w, "token", auth->token);
	write_present(w, "accessKeyID", auth->access_key_id);
	write_present(w, "secretAccessKey", auth->secret_access_key);
	write_present(w, "awsRegion", auth->region);
	json_close(w);
	json_close(w);
}

static void write_docker_auth(struct json_writer *w, const struct config_docker_auth *auth)
{
	open_entry(w, "dockerAuth");
	write_list_of_one(w, "registries", auth->registry);
	json_open_object(w, "credentials");
	json_write_text(w, "user", auth->user);
	json_write_text(w, "password", auth->password);
	json_close(w);
	json_close(w);
}

static void write_registry(struct json_writer *w, const struct config_registry *registry)
{
	open_entry(w, "registry");
	write_list_of_one(w, "registries", registry->registry);
	json_open_array(w, "mirrors");
	for (char **mirror = registry->mirrors; mirror && *mirror; mirror++)
		json_write_text(w, NULL, *mirror);
	json_close(w);
	json_close(w);
}

static void write_limits(struct json_writer *w, const struct limits *l)
{
	if (limits_none(l))
		return;
	open_entry(w, "limits");
	limits_write(w, l);
	json_close(w);
}

void config_write(struct json_writer *w, const struct config *c)
{
	json_open_array(w, "stage0");
	for (size_t i = 0; i < c->n_auth; i++)
		write_auth(w, &c->auth[i]);
	for (size_t i = 0; i < c->n_docker_auth; i++)
		write_docker_auth(w, &c->docker_auth[i]);
	for (size_t i = 0; i < c->n_registries; i++)
		write_registry(w, &c->registries[i]);
	open_entry(w, "paths");
	json_write_text(w, "data", c->data_dir ?: "");
	json_write_text(w, "stage1-images", c->stage1_images_dir ?: "");
	json_close(w);
	open_entry(w, "stage1");
	json_write_text(w, "name", c->stage1_name ?: "");
	json_write_text(w, "version", c->stage1_version ?: "");
	json_write_text(w, "location", c->stage1_location ?: "");
	json_close(w);
	write_limits(w, &c->limits);
	json_close(w);
}
