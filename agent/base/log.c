/* log: see log.h. A line is built in a buffer of fixed size and cut if it is longer: logging works
 * when memory is exhausted. */
#include "base/log.h"

#include "base/util.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

enum {
	LINE_BYTES_MAX = 4096,			/* PIPE_BUF: one write() to a pipe stays whole */
	LINE_CONTENT_MAX = LINE_BYTES_MAX - 16, /* room for an escape and the closing characters */
};

static const char *const LEVEL_NAMES[] = {"audit", "error", "warn", "info", "debug"};
static _Atomic int level_now = LOG_LEVEL_INFO; /* writer: log_configure; readers: any; relaxed */
static _Atomic int format_now = LOG_FORMAT_KV;

void log_configure(enum log_level level, enum log_format format)
{
	atomic_store_explicit(&level_now, level, memory_order_relaxed);
	atomic_store_explicit(&format_now, format, memory_order_relaxed);
}

int log_level_parse(const char *text, enum log_level *ret_level)
{
	for (size_t i = LOG_LEVEL_ERROR; i < ARRAY_SIZE(LEVEL_NAMES); i++) {
		if (strcmp(text, LEVEL_NAMES[i]) == 0) {
			*ret_level = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

int log_format_parse(const char *text, enum log_format *ret_format)
{
	if (strcmp(text, "kv") == 0)
		*ret_format = LOG_FORMAT_KV;
	else if (strcmp(text, "json") == 0)
		*ret_format = LOG_FORMAT_JSON;
	else
		return -EINVAL;
	return 0;
}

const char *log_format_u64(char buffer[static 24], uint64_t value)
{
	snprintf(buffer, 24, "%" PRIu64, value);
	return buffer;
}

struct line {
	char text[LINE_BYTES_MAX];
	size_t len;
};

static void put(struct line *line, char c)
{
	if (line->len < LINE_CONTENT_MAX)
		line->text[line->len++] = c;
}

static void put_text(struct line *line, const char *text)
{
	for (; *text; text++)
		put(line, *text);
}

/* What a terminal or a viewer of logs takes for structure, or does not show: control characters,
 * separators of lines and paragraphs, characters that turn the direction of writing, that have no
 * width, or that tag text. Sorted. */
static const struct {
	uint32_t first, last;
} UNSHOWN[] = {
	{0x00, 0x1f},	  {0x7f, 0x9f},	    {0xad, 0xad},	{0x061c, 0x061c},
	{0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e},	{0x2060, 0x206f},
	{0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f},
};

static bool is_unshown(uint32_t c)
{
	for (size_t i = 0; i < ARRAY_SIZE(UNSHOWN) && c >= UNSHOWN[i].first; i++)
		if (c <= UNSHOWN[i].last)
			return true;
	return false;
}

/* One character of UTF-8 (RFC 3629: the shortest form, no surrogates). Return: its bytes; 0: the
 * first byte begins none */
static size_t read_character(const char *text, uint32_t *ret_character)
{
	static const uint32_t LEAST[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *s = (const unsigned char *)text;
	size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	uint32_t c = len == 1 ? s[0] : len ? s[0] & (0x7fU >> len) : 0;
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80) /* the NUL at the end, too */
			return 0;
		c = c << 6 | (s[i] & 0x3fU);
	}
	if (!len || c < LEAST[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret_character = c;
	return len;
}

enum { CHARACTER_BYTES_MAX = 13 }; /* two escapes of 6, NUL */

/* As it stands in a quoted value: JSON's escapes, in both formats. Return: bytes written */
static size_t spell_character(const char *text, size_t len, uint32_t c,
			      char spelled[static CHARACTER_BYTES_MAX])
{
	if (!len) /* a byte that is no UTF-8 */
		return (size_t)sprintf(spelled, "\\ufffd");
	if (c == '"' || c == '\\')
		return (size_t)sprintf(spelled, "\\%c", (int)c);
	if (!is_unshown(c)) {
		memcpy(spelled, text, len);
		return len;
	}
	if (c < 0x10000)
		return (size_t)sprintf(spelled, "\\u%04x", c);
	c -= 0x10000;
	return (size_t)sprintf(spelled, "\\u%04x\\u%04x", 0xd800 | c >> 10, 0xdc00 | (c & 0x3ff));
}

/* A value is cut between characters: each is written whole or not at all. */
static void put_quoted(struct line *line, const char *text)
{
	char spelled[CHARACTER_BYTES_MAX];
	put(line, '"');
	while (*text) {
		uint32_t c = 0;
		size_t len = read_character(text, &c);
		size_t n = spell_character(text, len, c, spelled);
		if (line->len + n > LINE_CONTENT_MAX)
			break;
		memcpy(line->text + line->len, spelled, n);
		line->len += n;
		text += len ? len : 1;
	}
	line->text[line->len++] = '"';
}

static bool is_plain(const char *text)
{
	if (!*text)
		return false;
	for (; *text; text++)
		if ((unsigned char)*text <= 0x20 || *text == '"' || *text == '=' || *text == '\\' ||
		    (unsigned char)*text >= 0x7f)
			return false;
	return true;
}

static void put_pair(struct line *line, enum log_format format, const char *key, const char *value)
{
	if (line->len + strlen(key) + 8 > LINE_CONTENT_MAX)
		return; /* the line is full: a pair is written whole or not at all */
	if (format == LOG_FORMAT_JSON) {
		put(line, line->len > 1 ? ',' : ' ');
		put_quoted(line, key);
		put(line, ':');
		put_quoted(line, value);
		return;
	}
	if (line->len)
		put(line, ' ');
	put_text(line, key);
	put(line, '=');
	if (is_plain(value))
		put_text(line, value);
	else
		put_quoted(line, value);
}

static void start_line(struct line *line, enum log_format format, enum log_level level,
		       const char *event)
{
	struct timespec now;
	struct tm utc;
	char stamp[40];
	line->len = 0;
	if (format == LOG_FORMAT_JSON)
		put(line, '{');
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	size_t n = strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(stamp + n, sizeof stamp - n, ".%06ldZ", now.tv_nsec / 1000);
	put_pair(line, format, "time", stamp);
	put_pair(line, format, "level", LEVEL_NAMES[level]);
	put_pair(line, format, "event", event);
}

static void write_line(struct line *line, enum log_format format)
{
	if (format == LOG_FORMAT_JSON)
		line->text[line->len++] = '}';
	line->text[line->len++] = '\n';
	ssize_t written = write(STDERR_FILENO, line->text, line->len);
	(void)written; /* an error could only be reported here */
}

static bool is_silenced(enum log_level level)
{
	return (int)level > atomic_load_explicit(&level_now, memory_order_relaxed);
}

void log_event(enum log_level level, const char *event, ...)
{
	if (is_silenced(level))
		return;
	enum log_format format =
		(enum log_format)atomic_load_explicit(&format_now, memory_order_relaxed);
	struct line line;
	start_line(&line, format, level, event);
	va_list args;
	va_start(args, event);
	for (const char *key; (key = va_arg(args, const char *));) {
		const char *value = va_arg(args, const char *);
		put_pair(&line, format, key, value ? value : "");
	}
	va_end(args);
	write_line(&line, format);
}

void log_pairs(enum log_level level, const char *event, const struct log_pair *pairs, size_t count)
{
	if (is_silenced(level))
		return;
	enum log_format format =
		(enum log_format)atomic_load_explicit(&format_now, memory_order_relaxed);
	struct line line;
	start_line(&line, format, level, event);
	for (size_t i = 0; i < count; i++)
		put_pair(&line, format, pairs[i].key, pairs[i].value ? pairs[i].value : "");
	write_line(&line, format);
}
