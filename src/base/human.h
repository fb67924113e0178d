#ifndef BASE_HUMAN_H
#define BASE_HUMAN_H
#include <stdint.h>

/*
 * Times and sizes as people and rkt's scripts read and write them. What is
 * returned is the caller's to free().
 */
enum { NS_PER_SECOND = 1000000000 };

int64_t time_now(void);					/* ns since the epoch */
int64_t clock_ms(void);					/* of a clock that nobody sets */

/* "now", "13 seconds ago", "3 weeks ago", "a long while ago". */
char *human_ago(int64_t then_ns, int64_t now_ns);

/* "2017-04-26 15:04:05.123 +0200 CEST", in local time; the fraction has no zeros at its end. */
char *human_time(int64_t ns);

/* "512B", "9.4MiB", "19MiB". */
char *human_size(uint64_t bytes);

/* Go's durations: "300ms", "1.5h", "2h45m", "-1s", "0". -EINVAL: none, -ERANGE: too long. */
int duration_parse(const char *s, int64_t *ret_ns);

/* The same written as Go does: "30m0s", "24h0m0s", "1.5s", "300ms", "0s". */
char *human_duration(int64_t ns);
#endif
