/*
 * banned: functions that have a safer sibling here fail to compile, with the sibling's name in the message.
 *
 * Force-included into every file of ours (not into generated code). Standard headers are included first, so that their
 * declarations are not touched.
 * malloc is not in the list: it has its places (base/, and marked ones in runtime/), which the check of the house rules
 * watches.
 */
#ifndef QUAYSIDE_BASE_BANNED_H
#define QUAYSIDE_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#undef strcpy
#define strcpy(...) strcpy_is_banned_use_arena_strdup
#undef strcat
#define strcat(...) strcat_is_banned_use_buf_text
#undef strncpy
#define strncpy(...) strncpy_is_banned_use_arena_strndup
#undef strncat
#define strncat(...) strncat_is_banned_use_buf_bytes
#undef sprintf
#define sprintf(...) sprintf_is_banned_use_snprintf_or_arena_printf
#undef vsprintf
#define vsprintf(...) vsprintf_is_banned_use_arena_vprintf
#undef strtok
#define strtok(...) strtok_is_banned_use_str_cut
#undef atoi
#define atoi(...) atoi_is_banned_use_str_to_int64
#undef atol
#define atol(...) atol_is_banned_use_str_to_int64
#undef gmtime
#define gmtime(...) gmtime_is_banned_use_clock_date
#undef localtime
#define localtime(...) localtime_is_banned_times_are_utc
#undef time
#define time(...) time_is_banned_use_clock_now
#undef rand
#define rand(...) rand_is_banned_use_random_bytes

#endif
