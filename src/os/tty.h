#ifndef OS_TTY_H
#define OS_TTY_H
#include <stdbool.h>
#include <termios.h>

#include "base/err.h"

/* Terminals: the caller's, which a pod never gets, and pseudo-terminals, which it gets instead. */

/* A new pseudo-terminal of the devpts mount at pts_fd, found without a path. */
int pty_open(int pts_fd, int *ret_master, int *ret_slave, struct err *err);

/* Lets every byte through. restore with tty_restore(). */
int tty_raw(int fd, struct termios *saved);
void tty_restore(int fd, const struct termios *saved);

/* Gives one terminal the other's size; no terminal is no failure. */
void tty_copy_size(int from_fd, int to_fd);

/* The character that ends the input of a terminal in its usual mode, ^D. */
char tty_eof_character(int fd);
#endif
