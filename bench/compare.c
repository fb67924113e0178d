/*
 * compare RUNS [NAME [first COMMAND… ,] COMMAND… ;]…
 *
 * Times commands as whole processes, in turn (A B C A B C …, one warm-up round
 * first), and prints for each the median, the minimum, and the median of its
 * ratio to the first command in the same round: machines drift, rounds do not.
 * Beside them the processor time, in user mode and in the kernel, and the
 * largest process, of the command and all that it waited for. The commands'
 * output is thrown away; a command that fails is named and makes the exit code
 * 1. Commands are separated by an argument ";". What stands behind "first" is
 * run before each time and is not timed.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "base/mem.h"

extern char **environ;

struct command {
	const char *name;
	char **first, **argv;
	double *ms, *user_ms, *kernel_ms;
	long rss_kb;
	int failures, status;
};

enum { COMMANDS_MAX = 16 };

/* Of one run. */
struct cost {
	double ms, user_ms, kernel_ms;
	long rss_kb;
};

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double ms_of(struct timeval t) { return (double)t.tv_sec * 1e3 + (double)t.tv_usec / 1e3; }

static int run(char **argv, posix_spawn_file_actions_t *quiet, struct cost *ret)
{
	double start = now_ms();
	struct rusage use;
	int status, r;
	pid_t pid;

	r = posix_spawnp(&pid, argv[0], quiet, NULL, argv, environ);
	if (r)
		return -r;
	while (wait4(pid, &status, 0, &use) < 0)
		if (errno != EINTR)
			return -errno;
	*ret = (struct cost){
		.ms = now_ms() - start, .user_ms = ms_of(use.ru_utime), .kernel_ms = ms_of(use.ru_stime),
		.rss_kb = use.ru_maxrss,
	};
	return status;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const double *values, int n, double *ret_min)
{
	AUTO(free) double *sorted = xcalloc((size_t)n, sizeof(double));

	memcpy(sorted, values, (size_t)n * sizeof(double));
	qsort(sorted, (size_t)n, sizeof(double), by_value);
	if (ret_min)
		*ret_min = sorted[0];
	return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static void report(const struct command *commands, int n, int runs)
{
	AUTO(free) double *ratio = xcalloc((size_t)runs, sizeof(double));

	printf("%-28s %10s %10s %9s %9s %8s %8s\n", "", "median ms", "min ms", "user ms", "kernel ms", "max MiB",
	       "ratio");
	for (int i = 0; i < n; i++) {
		double least, middle = median(commands[i].ms, runs, &least);

		for (int k = 0; k < runs; k++)
			ratio[k] = commands[i].ms[k] / commands[0].ms[k];
		printf("%-28s %10.2f %10.2f %9.2f %9.2f %8.1f %8.2f", commands[i].name, middle, least,
		       median(commands[i].user_ms, runs, NULL), median(commands[i].kernel_ms, runs, NULL),
		       (double)commands[i].rss_kb / 1024, median(ratio, runs, NULL));
		if (commands[i].failures)
			printf("   %d of %d failed, last wait status 0x%x", commands[i].failures, runs,
			       (unsigned)commands[i].status);
		printf("\n");
	}
}

/* NAME [first COMMAND… ,] COMMAND… up to ";": returns where the next one begins. */
static char **take_command(char **arg, int runs, struct command *ret)
{
	*ret = (struct command){
		.name = *arg++, .ms = xcalloc((size_t)runs, sizeof(double)),
		.user_ms = xcalloc((size_t)runs, sizeof(double)), .kernel_ms = xcalloc((size_t)runs, sizeof(double)),
	};
	if (*arg && str_eq(*arg, "first")) {
		for (ret->first = ++arg; *arg && !str_eq(*arg, ","); arg++)
			;
		if (*arg)
			*arg++ = NULL;
	}
	for (ret->argv = arg; *arg && !str_eq(*arg, ";"); arg++)
		;
	if (*arg)
		*arg++ = NULL;
	return arg;
}

static void run_once(struct command *c, int round, posix_spawn_file_actions_t *quiet)
{
	struct cost cost = {};
	int status = c->first ? run(c->first, quiet, &cost) : 0;

	if (!status)
		status = run(c->argv, quiet, &cost);
	if (round < 0)
		return;
	c->ms[round] = cost.ms;
	c->user_ms[round] = cost.user_ms;
	c->kernel_ms[round] = cost.kernel_ms;
	if (cost.rss_kb > c->rss_kb)
		c->rss_kb = cost.rss_kb;
	if (status) {
		c->failures++;
		c->status = status;
	}
}

int main(int argc, char **argv)
{
	struct command commands[COMMANDS_MAX] = {};
	posix_spawn_file_actions_t quiet;
	unsigned long long runs;
	int n = 0, failures = 0;

	if (argc < 4 || str_to_u64(argv[1], 100000, &runs) < 0 || !runs) {
		fprintf(stderr, "usage: compare RUNS [NAME [first COMMAND... ,] COMMAND... ;]...\n");
		return 2;
	}
	for (char **arg = argv + 2; *arg && n < COMMANDS_MAX; n++)
		arg = take_command(arg, (int)runs, &commands[n]);
	posix_spawn_file_actions_init(&quiet);
	for (int fd = 0; fd < 3; fd++)
		posix_spawn_file_actions_addopen(&quiet, fd, "/dev/null", O_RDWR, 0);
	for (int round = -1; round < (int)runs; round++)
		for (int i = 0; i < n; i++)
			run_once(&commands[i], round, &quiet);
	report(commands, n, (int)runs);
	for (int i = 0; i < n; i++)
		failures += commands[i].failures;
	return failures ? 1 : 0;
}
