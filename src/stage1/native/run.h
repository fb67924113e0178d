#ifndef STAGE1_NATIVE_RUN_H
#define STAGE1_NATIVE_RUN_H
#include "base/err.h"
/* The entry points. Each returns the exit status or fails. */
int run_main(char *const *argv, struct err *err);
int enter_main(char *const *argv, struct err *err);
int stop_main(char *const *argv, struct err *err);
int gc_main(char *const *argv, struct err *err);
#endif
