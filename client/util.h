/*
 * util: what every file of the client needs: exit codes, ownership in the type of a variable, and
 * allocation that ends the program when there is no memory (a command cannot do without).
 */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,	/* the job or the request failed */
	EXIT_USAGE = 2,		/* the command line is wrong */
	EXIT_NO_AGENT = 3,	/* no agent reached */
	EXIT_INTERRUPTED = 130, /* stopped by Ctrl-C; another signal: 128 + its number */
};

#define ARRAY_SIZE(a) (sizeof(a) / sizeof *(a))
#define MIN(a, b)                                                                                  \
	({                                                                                         \
		__typeof__(a) min_a_ = (a);                                                        \
		__typeof__(b) min_b_ = (b);                                                        \
		min_a_ < min_b_ ? min_a_ : min_b_;                                                 \
	})
#define MAX(a, b)                                                                                  \
	({                                                                                         \
		__typeof__(a) max_a_ = (a);                                                        \
		__typeof__(b) max_b_ = (b);                                                        \
		max_a_ > max_b_ ? max_a_ : max_b_;                                                 \
	})

static inline void util_free(void *pointer)
{
	free(*(void **)pointer);
}
static inline void util_fclose(FILE **file)
{
	if (*file)
		fclose(*file);
}
#define _cleanup_(f)   __attribute__((cleanup(f)))
#define _cleanup_free_ _cleanup_(util_free)
#define _cleanup_file_ _cleanup_(util_fclose)

/* Take what a cleanup variable owns out of it: the new owner frees it. */
#define TAKE_PTR(p)                                                                                \
	({                                                                                         \
		__typeof__(p) take_ptr_ = (p);                                                     \
		(p) = NULL;                                                                        \
		take_ptr_;                                                                         \
	})

/** util_calloc() - zeroed memory, owned by the caller; never NULL */
void *util_calloc(size_t count, size_t size) __attribute__((returns_nonnull));
/** util_grow() - @array [@count of @size] with room for one more; the new place is zeroed */
void *util_grow(void *array, size_t count, size_t size) __attribute__((returns_nonnull));
char *util_strdup(const char *text) __attribute__((returns_nonnull));
char *util_strndup(const char *text, size_t len) __attribute__((returns_nonnull));
char *util_printf(const char *format, ...) __attribute__((format(printf, 1, 2), returns_nonnull));
char *util_vprintf(const char *format, va_list args)
	__attribute__((format(printf, 1, 0), returns_nonnull));

/** util_now_ns() - CLOCK_MONOTONIC */
int64_t util_now_ns(void);
/** util_is_utf8() - RFC 3629, no NUL within @len bytes */
bool util_is_utf8(const char *text, size_t len);
/**
 * util_nearest() - which of the names a misspelt word was most likely meant to be
 * @name_at: the name at an index; NULL past the end
 *
 * Return: the name; NULL when none is near.
 */
const char *util_nearest(const char *word, const char *(*name_at)(const void *context, size_t i),
			 const void *context);
