#ifndef BASE_UTF8_H
#define BASE_UTF8_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The length of the well-formed UTF-8 sequence at s[0..len) and its code point; 0: there is none. */
size_t utf8_next(const char *s, size_t len, uint32_t *ret);

bool utf8_is_valid(const char *s);

/* What must not reach a terminal as it is: C0, DEL, C1, line separators, bidirectional marks and overrides. */
bool utf8_is_control(uint32_t c);
#endif
