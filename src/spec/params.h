#ifndef SPEC_PARAMS_H
#define SPEC_PARAMS_H
#include "spec/types.h"

/*
 * Takes "key=value,key=value" apart; values are taken as they stand, so none
 * can hold a comma. A key without a value, without a name, or given twice is
 * -ERR_BAD_INPUT. The caller frees with labels_free().
 */
int params_split(const char *s, struct label **ret, size_t *ret_n, struct err *err);
#endif
