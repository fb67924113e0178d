#ifndef UNPACK_BOX_H
#define UNPACK_BOX_H
#include "base/err.h"
/*
 * Locks this process in before it reads the first foreign byte. Where root
 * runs it: no directory but the one to fill can be named, there is no network
 * and no device, and the capabilities left are those that set owners, modes
 * and attributes; without a directory to fill it becomes nobody and has none.
 * Where an ordinary user runs it, Landlock keeps it below the two directories.
 * For everybody: no new privilege, no program, no socket, no core dump, and
 * the system calls of a list (os/confine.h).
 *
 * An archive that takes this process over can fill its own directory with
 * anything and give a false answer about it: which the ID of the image, checked
 * against a signature by others, then shows only if the hash was honest. So
 * what it can do is to lie about its own image.
 *
 * dir_fd is filled, tree_fd is read; -1 for none. For root they are replaced by
 * descriptors of detached mounts, out of which ".." does not lead. All
 * libraries must be loaded and ready, and no thread may run yet.
 * max_files: how many descriptors there may be, those that are open among them.
 */
int box_enter(int dir_fd, int tree_fd, unsigned max_files, struct err *err);
#endif
