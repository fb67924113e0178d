#ifndef IMAGE_SERVER_H
#define IMAGE_SERVER_H
/*
 * What rkt-fetch does: takes one request from the socket, gets what it asks
 * for, answers, and is done. Its other descriptors are those of image/wire.h.
 * Returns the exit code: 0 once an answer was given. Threads may still be at work
 * then, so the caller ends the process by _exit(2).
 */
int fetch_serve(int control_fd);
#endif
