/*
 * compare RUNS [NAME COMMAND… ;]…
 *
 * Times commands as whole processes, in turn (A B C A B C …, one warm-up round
 * first), and prints for each the median, the minimum, and the median of its
 * ratio to the first command in the same round: machines drift, rounds do not.
 * The commands' output is thrown away; a command that fails is named and makes
 * the exit code 1. Commands are separated by an argument ";".
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <time.h>

#include "base/mem.h"

extern char **environ;

struct command {
	const char *name;
	char **argv;
	double *ms;
	int failures, status;
};

enum { COMMANDS_MAX = 16 };

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int run(char **argv, posix_spawn_file_actions_t *quiet, double *ret_ms)
{
	double start = now_ms();
	int status, r;
	pid_t pid;

	r = posix_spawnp(&pid, argv[0], quiet, NULL, argv, environ);
	if (r)
		return -r;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	*ret_ms = now_ms() - start;
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

	printf("%-34s %10s %10s %8s\n", "", "median ms", "min ms", "ratio");
	for (int i = 0; i < n; i++) {
		double least, middle = median(commands[i].ms, runs, &least);

		for (int k = 0; k < runs; k++)
			ratio[k] = commands[i].ms[k] / commands[0].ms[k];
		printf("%-34s %10.2f %10.2f %8.2f", commands[i].name, middle, least, median(ratio, runs, NULL));
		if (commands[i].failures)
			printf("   %d of %d failed, last wait status 0x%x", commands[i].failures, runs,
			       (unsigned)commands[i].status);
		printf("\n");
	}
}

int main(int argc, char **argv)
{
	struct command commands[COMMANDS_MAX] = {};
	posix_spawn_file_actions_t quiet;
	unsigned long long runs;
	int n = 0, failures = 0;

	if (argc < 4 || str_to_u64(argv[1], 100000, &runs) < 0 || !runs) {
		fprintf(stderr, "usage: compare RUNS [NAME COMMAND... ;]...\n");
		return 2;
	}
	for (int i = 2; i < argc && n < COMMANDS_MAX; i++, n++) {
		commands[n].name = argv[i++];
		commands[n].argv = argv + i;
		while (i < argc && !str_eq(argv[i], ";"))
			i++;
		if (i < argc)
			argv[i] = NULL;
		commands[n].ms = xcalloc(runs, sizeof(double));
	}
	posix_spawn_file_actions_init(&quiet);
	for (int fd = 0; fd < 3; fd++)
		posix_spawn_file_actions_addopen(&quiet, fd, "/dev/null", O_RDWR, 0);

	for (int round = -1; round < (int)runs; round++)
		for (int i = 0; i < n; i++) {
			double ms = 0;
			int status = run(commands[i].argv, &quiet, &ms);

			if (round < 0)
				continue;
			commands[i].ms[round] = ms;
			if (status) {
				commands[i].failures++;
				commands[i].status = status;
				failures++;
			}
		}
	report(commands, n, (int)runs);
	return failures ? 1 : 0;
}
