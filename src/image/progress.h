#ifndef IMAGE_PROGRESS_H
#define IMAGE_PROGRESS_H
#include <stdbool.h>
#include <stdint.h>

/* How far a download is, on stderr if that is a terminal, else nowhere. Zeroed is ready to use. */
struct progress {
	char *label;	/* of the line that is being drawn, NULL: none */
};

void progress_show(struct progress *p, const char *label, int64_t done, int64_t total);
void progress_end(struct progress *p);	/* leaves the line */
static inline void progress_end_auto(struct progress *p) { progress_end(p); }

/* "Downloading ACI: [====>   ] 1.2 MB/3.4 MB"; without a total only how much; the caller frees it. */
char *progress_text(const char *label, int64_t done, int64_t total);
#endif
