/* util: see util.h. */
#include "util.h"

#include <string.h>
#include <time.h>

static void no_memory(void) __attribute__((noreturn));
static void no_memory(void)
{
	fputs("pagecast: out of memory\n", stderr);
	exit(EXIT_FAILED);
}

void *util_calloc(size_t count, size_t size)
{
	void *memory = calloc(count ? count : 1, size ? size : 1);
	if (!memory)
		no_memory();
	return memory;
}

void *util_grow(void *array, size_t count, size_t size)
{
	char *grown = reallocarray(array, count + 1, size);
	if (!grown)
		no_memory();
	memset(grown + count * size, 0, size);
	return grown;
}

char *util_strdup(const char *text)
{
	return util_strndup(text, strlen(text));
}

char *util_strndup(const char *text, size_t len)
{
	char *copy = util_calloc(len + 1, 1);
	memcpy(copy, text, len);
	return copy;
}

char *util_vprintf(const char *format, va_list args)
{
	char *text = NULL;
	if (vasprintf(&text, format, args) < 0)
		no_memory();
	return text;
}

char *util_printf(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	char *text = util_vprintf(format, args);
	va_end(args);
	return text;
}

int64_t util_now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The length of the well-formed sequence at @s, or 0. */
static size_t utf8_sequence(const unsigned char *s, size_t len)
{
	if (s[0] < 0x80)
		return s[0] ? 1 : 0;
	size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc2 || s[0] > 0xf4 || n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
	bool surrogate = s[0] == 0xed && s[1] > 0x9f;
	bool beyond = s[0] == 0xf4 && s[1] > 0x8f;
	return overlong || surrogate || beyond ? 0 : n;
}

bool util_is_utf8(const char *text, size_t len)
{
	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_sequence((const unsigned char *)text + i, len - i);
		if (!n)
			return false;
	}
	return true;
}

enum { WORD_MAX = 32 }; /* longer words are not misspelt flags */

/* Edits (insert, delete, replace, swap of neighbours) from @a to @b. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	size_t d[WORD_MAX + 1][WORD_MAX + 1];
	if (la > WORD_MAX || lb > WORD_MAX)
		return SIZE_MAX;
	for (size_t i = 0; i <= la; i++)
		d[i][0] = i;
	for (size_t j = 0; j <= lb; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= la; i++)
		for (size_t j = 1; j <= lb; j++) {
			size_t same = a[i - 1] == b[j - 1] ? 0 : 1;
			size_t best = MIN(d[i - 1][j] + 1, d[i][j - 1] + 1);
			best = MIN(best, d[i - 1][j - 1] + same);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = MIN(best, d[i - 2][j - 2] + 1);
			d[i][j] = best;
		}
	return d[la][lb];
}

const char *util_nearest(const char *word, const char *(*name_at)(const void *context, size_t i),
			 const void *context)
{
	const char *nearest = NULL;
	size_t best = strlen(word) < 4 ? 1 : 2; /* more edits make another word */
	for (size_t i = 0; name_at(context, i); i++) {
		size_t distance = edit_distance(word, name_at(context, i));
		if (distance < best || (distance == best && !nearest)) {
			best = distance;
			nearest = name_at(context, i);
		}
	}
	return nearest;
}
