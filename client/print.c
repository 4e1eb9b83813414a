/* print: see print.h. */
#include "print.h"
#include "util.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static bool in_colour;

void print_init(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	in_colour = isatty(STDOUT_FILENO) && !(no_color && *no_color) &&
		    !(term && strcmp(term, "dumb") == 0);
}

void print_error(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	char *text = util_vprintf(format, args);
	va_end(args);
	fflush(stdout); /* what was printed before comes first when both go to one place */
	fprintf(stderr, "pagecast: %s\n", text);
	free(text);
}

/* Control characters: C0, DEL, C1 (U+0080..9F), and those that change the direction of text. */
static size_t control_length(const unsigned char *s, size_t len, unsigned *ret_code)
{
	*ret_code = s[0];
	if (s[0] < 0x20 || s[0] == 0x7f)
		return 1;
	if (len >= 2 && s[0] == 0xc2 && s[1] >= 0x80 && s[1] <= 0x9f) {
		*ret_code = s[1];
		return 2;
	}
	if (len >= 2 && s[0] == 0xd8 && s[1] == 0x9c) { /* Arabic letter mark */
		*ret_code = 0x61c;
		return 2;
	}
	if (len < 3 || s[0] != 0xe2)
		return 0;
	unsigned code = 0x2000u | (s[1] & 0x3fu) << 6 | (s[2] & 0x3fu);
	*ret_code = code;
	bool turns = (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ||
		     code == 0x200e || code == 0x200f || code == 0x2028 || code == 0x2029;
	return turns ? 3 : 0;
}

static size_t sequence_length(const char *s, size_t len)
{
	for (size_t n = 1; n <= 4 && n <= len; n++)
		if (util_is_utf8(s, n))
			return n;
	return 0;
}

static void put_escape(FILE *out, unsigned code)
{
	if (code == '\n')
		fputs("\\n", out);
	else if (code == '\t')
		fputs("\\t", out);
	else if (code == '\r')
		fputs("\\r", out);
	else if (code < 0x100)
		fprintf(out, "\\x%02x", code);
	else
		fprintf(out, "\\u{%x}", code);
}

static char *escape(const char *text, size_t len, bool keep_lines)
{
	char *copy = NULL;
	size_t size, n;
	FILE *out = open_memstream(&copy, &size);
	if (!out)
		return util_strdup("");
	for (size_t i = 0; i < len; i += n) {
		unsigned code;
		n = control_length((const unsigned char *)text + i, len - i, &code);
		if (n && !(keep_lines && code == '\n')) {
			put_escape(out, code);
			continue;
		}
		n = code == '\n' ? 1 : sequence_length(text + i, len - i);
		if (n) {
			fwrite(text + i, 1, n, out);
		} else {
			put_escape(out, (unsigned char)text[i]);
			n = 1;
		}
	}
	fclose(out);
	return copy;
}

char *print_escaped(const char *text)
{
	return escape(text, strlen(text), false);
}

char *print_escaped_lines(const char *text, size_t len)
{
	return escape(text, len, true);
}

const char *print_colour(enum print_colour colour)
{
	static const char *const CODES[] = {
		[PRINT_PLAIN] = "\033[0m", [PRINT_BOLD] = "\033[1m",   [PRINT_DIM] = "\033[2m",
		[PRINT_RED] = "\033[31m",  [PRINT_GREEN] = "\033[32m", [PRINT_YELLOW] = "\033[33m",
	};
	return in_colour ? CODES[colour] : "";
}

void print_prefixed(const char *prefix, const char *text, size_t len)
{
	if (!prefix) {
		fwrite(text, 1, len, stdout);
		return;
	}
	_cleanup_free_ char *escaped = print_escaped(prefix);
	while (len) {
		const char *end = memchr(text, '\n', len);
		size_t line = end ? (size_t)(end - text) + 1 : len;
		printf("%s%s%s  ", print_colour(PRINT_DIM), escaped, print_colour(PRINT_PLAIN));
		fwrite(text, 1, line, stdout);
		if (!end)
			putchar('\n');
		text += line;
		len -= line;
	}
}

bool print_flush(void)
{
	static bool reported;
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return true;
	if (!reported && errno && errno != EPIPE)
		print_error("cannot write the output: %s", strerror(errno));
	reported = true;
	return false;
}

/* Columns that @text takes: one a character; good enough for what agents print. */
static int width(const char *text)
{
	int n = 0;
	for (; *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

void table_add(struct table *table, enum print_colour colour, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	_cleanup_free_ char *text = util_vprintf(format, args);
	va_end(args);
	table->cells = util_grow(table->cells, table->count, sizeof *table->cells);
	table->colours = util_grow(table->colours, table->count, sizeof *table->colours);
	table->cells[table->count] = print_escaped(text);
	table->colours[table->count] = colour;
	table->count++;
}

/* @more: something stands to the right of it */
static void print_cell(const struct table *table, size_t column, const char *text, int widest,
		       enum print_colour colour, bool more, FILE *out)
{
	int pad = widest - width(text);
	bool right = table->right >> column & 1, last = column + 1 == table->columns;
	if (right)
		fprintf(out, "%*s", pad, "");
	if (colour == PRINT_PLAIN)
		fputs(text, out);
	else
		fprintf(out, "%s%s%s", print_colour(colour), text, print_colour(PRINT_PLAIN));
	if (last)
		fputc('\n', out);
	else if (more)
		fprintf(out, "%*s", right ? 2 : pad + 2, "");
}

/* Is there nothing in the row behind cell @i? */
static bool rest_is_empty(const struct table *table, size_t i)
{
	while (++i % table->columns)
		if (*table->cells[i])
			return false;
	return true;
}

void table_print(const struct table *table, FILE *out)
{
	int widest[TABLE_COLUMNS_MAX] = {0};
	for (size_t c = 0; c < table->columns; c++)
		widest[c] = width(table->titles[c]);
	for (size_t i = 0; i < table->count; i++) {
		size_t c = i % table->columns;
		widest[c] = MAX(widest[c], width(table->cells[i]));
	}
	for (size_t c = 0; c < table->columns; c++)
		print_cell(table, c, table->titles[c], widest[c], PRINT_BOLD, true, out);
	for (size_t i = 0; i < table->count; i++)
		print_cell(table, i % table->columns, table->cells[i], widest[i % table->columns],
			   table->colours[i], !rest_is_empty(table, i), out);
}

void table_deinit(struct table *table)
{
	for (size_t i = 0; i < table->count; i++)
		free(table->cells[i]);
	free(table->cells);
	free(table->colours);
	table->cells = NULL;
	table->colours = NULL;
	table->count = 0;
}
