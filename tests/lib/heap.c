/* heap: see heap.h. Built on glibc's own names of the allocator. */
#include "lib/heap.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

/* Atomic: every thread allocates. The compiler knows malloc() and would take it to touch no
 * variable of ours. */
static _Atomic size_t in_use, peak, countdown = SIZE_MAX; /* SIZE_MAX: none is refused */
static _Atomic bool for_ever, failed;

#ifndef SANITIZED
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *pointer, size_t size);
void __libc_free(void *pointer);

static size_t after(size_t left)
{
	if (left)
		return left - 1;
	return for_ever ? 0 : SIZE_MAX;
}

static bool refuse(void)
{
	size_t left = countdown;
	/* heap_fail_never() holds, also against a thread that is here meanwhile */
	while (left != SIZE_MAX && !atomic_compare_exchange_weak(&countdown, &left, after(left)))
		;
	if (left)
		return false;
	failed = true;
	errno = ENOMEM;
	return true;
}

static size_t weigh(void *pointer)
{
	return pointer ? malloc_usable_size(pointer) + 8 : 0;
}

static void *count(void *pointer)
{
	in_use += weigh(pointer);
	if (in_use > peak)
		peak = in_use;
	return pointer;
}

void *malloc(size_t size)
{
	return refuse() ? NULL : count(__libc_malloc(size));
}

void *calloc(size_t n, size_t size)
{
	return refuse() ? NULL : count(__libc_calloc(n, size));
}

void *realloc(void *pointer, size_t size)
{
	size_t old = weigh(pointer);
	void *moved = refuse() ? NULL : __libc_realloc(pointer, size);
	if (!moved)
		return NULL;
	if (moved != pointer && in_use + weigh(moved) > peak)
		peak = in_use + weigh(moved); /* both live for a moment */
	in_use -= old;
	return count(moved);
}

void free(void *pointer)
{
	in_use -= weigh(pointer);
	__libc_free(pointer);
}
#endif

bool heap_watched(void)
{
	size_t before = in_use;
	void *volatile probe = malloc(100);
	bool seen = in_use != before;
	free(probe);
	return seen;
}

size_t heap_in_use(void)
{
	return in_use;
}

size_t heap_peak(void)
{
	return peak;
}

void heap_reset_peak(void)
{
	peak = in_use;
}

void heap_fail_at(size_t passes, bool all_after)
{
	failed = false;
	for_ever = all_after;
	countdown = passes;
}

void heap_fail_never(void)
{
	countdown = SIZE_MAX;
}

bool heap_failed(void)
{
	return failed;
}
