#ifndef CLI_POD_VIEW_H
#define CLI_POD_VIEW_H
#include "base/table.h"
#include "cli/format.h"
#include "pod/pod.h"
/* What list and status tell of a pod (inventory 1.8), gathered from its files. */

struct mount_view {
	char *name, *container_path, *host_path;
	bool read_only;
};

struct app_view {
	char *name, *state, *image_id;
	char *verified_by;			/* who vouched for the image, or "nobody"; NULL: it was not noted */
	char *image;				/* "name:version", NULL: cannot be told */
	struct json_opt_int created_at, started_at, finished_at;	/* ns */
	struct json_opt_int exit_code;
	struct mount_view *mounts; size_t n_mounts;
	char **user_annotations, **user_labels;	/* "key=value" */
};

struct pod_view {
	char *uuid, *state;
	char **app_names;
	struct app_view *apps; size_t n_apps;
	struct json_opt_int created_at, started_at;	/* seconds */
	char **user_annotations, **user_labels;
	/* not part of the JSON */
	enum pod_state number;
	int64_t created_ns, started_ns;		/* 0: unknown */
	pid_t pid;				/* 0: none known */
	char *profile;				/* NULL: the pod has not run */
	char *insecure;				/* "none", or "paths,seccomp" …; NULL likewise */
};

enum pod_depth {
	POD_VIEW_TABLE,		/* what the table of rkt list shows */
	POD_VIEW_ALL,
};

/* Gathers. A pod whose manifest cannot be read has no apps and the failure in err; the rest is filled in. */
int pod_view_read(const struct pod *pod, enum pod_depth depth, struct pod_view *ret, struct err *err);
void pod_view_clear(struct pod_view *v);
static inline void pod_view_clear_auto(struct pod_view *v) { pod_view_clear(v); }

/* What of the confinement a runtime-config switches off, "none" or "paths,seccomp". The caller frees both. */
int runtime_config_read(const char *text, size_t len, char **ret_profile, char **ret_insecure, struct err *err);

/* One object of the JSON output. */
void pod_view_json(const struct pod_view *v, struct json_writer *w);

/* The rows of one pod; now_ns is what "3 minutes ago" counts from. */
void pod_view_rows(const struct pod_view *v, bool full, int64_t now_ns, struct table *t);

/* The lines of rkt status. */
void pod_view_lines(const struct pod_view *v, struct buf *out);
#endif
