/*
 * heap: malloc() and its kin, replaced in the program that links this: what is in use is counted,
 * chunk headers included, and the Nth allocation can be made to fail. For programs of one thread.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/** heap_watched() - does this program's malloc() go through here? Not under sanitizers or valgrind,
 * which bring their own */
bool heap_watched(void);

/** heap_in_use() - bytes allocated now */
size_t heap_in_use(void);
/** heap_peak() - the most that was in use since heap_reset_peak() */
size_t heap_peak(void);
void heap_reset_peak(void);

/** heap_fail_at() - the allocation that comes after @passes more fails, and with @for_ever all
 * after it; heap_fail_never() ends that */
void heap_fail_at(size_t passes, bool for_ever);
void heap_fail_never(void);
/** heap_failed() - has one been refused since heap_fail_at()? */
bool heap_failed(void);
