#ifndef OS_PROCESS_H
#define OS_PROCESS_H
#include <stdint.h>
#include <sys/types.h>

/* Processes as a pod needs them: born into namespaces and a control group, found by fd. */

/*
 * fork() with CLONE_NEW* flags, into the cgroup2 group behind cgroup_fd (-1:
 * stay). Where the kernel cannot do that (before 5.7) the child is not made.
 * Returns as fork() does, but -errno for failure.
 */
pid_t process_clone(uint64_t flags, int cgroup_fd);

int process_open(pid_t pid);				/* a pidfd or -errno */
int process_signal(int pidfd, int signal);

/* Ends with its parent, whenever that is. The caller checks afterwards that the parent was still there. */
int process_die_with_parent(void);

/* All signals as a program expects them: default action, none blocked. */
void process_reset_signals(void);
#endif
