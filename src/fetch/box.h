#ifndef FETCH_BOX_H
#define FETCH_BOX_H
#include <stdbool.h>

#include "base/err.h"
/*
 * Locks rkt-fetch in before it hears of the first request. From then on it can
 * talk over IP, use what it is handed, and read what looking up hosts and
 * checking certificates takes: no other file, and none to write. It can't
 * execute, signal or trace anybody.
 *
 * local_services: whoever looks up names of hosts may be asked over a local
 * socket (nscd, resolved …). Not where rkt-fetch runs as a person: the sockets
 * within that one's reach start programs.
 */
int box_enter(bool local_services, struct err *err);
#endif
