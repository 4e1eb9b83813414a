/* query: see query.h. */
#include "api/http/query.h"

#include "api/codec/utf8.h"

#include <stdlib.h>
#include <string.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool query_unescape_bytes(char *text, size_t *len, bool plus)
{
	char *to = text;
	const char *end = text + *len;
	for (const char *from = text; from < end; from++) {
		if (*from != '%') {
			*to++ = (char)(plus && *from == '+' ? ' ' : *from);
			continue;
		}
		int high = end - from > 2 ? hex_digit(from[1]) : -1;
		int low = high < 0 ? -1 : hex_digit(from[2]);
		if (low < 0)
			return false;
		*to++ = (char)(high << 4 | low);
		from += 2;
	}
	*len = (size_t)(to - text);
	return true;
}

bool query_unescape(char *text, bool plus)
{
	size_t len = strlen(text);
	if (!query_unescape_bytes(text, &len, plus) || memchr(text, 0, len))
		return false;
	text[len] = '\0';
	return true;
}

static bool is_utf8(const char *text)
{
	size_t len = strlen(text);
	return utf8_bad_offset(text, len) == len;
}

static int add_param(struct query *query, char *pair, struct error *ret_error)
{
	if (query->count == LIMIT_QUERY_PARAMS)
		return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
				 "query: more than %d parameters", LIMIT_QUERY_PARAMS);
	char *value = strchr(pair, '=');
	if (!value)
		return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
				 "query: a parameter is not of the form name=value");
	*value++ = '\0';
	if (!query_unescape(pair, true) || !query_unescape(value, true) || !is_utf8(pair) ||
	    !is_utf8(value))
		return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
				 "query: %%XX escapes must decode to UTF-8 text without NUL");
	query->params[query->count++] = (struct query_param){pair, value};
	return 0;
}

int query_parse(struct query *ret_query, const char *raw, struct error *ret_error)
{
	struct query query = QUERY_NULL;
	if (!raw || !*raw) {
		*ret_query = query;
		return 0;
	}
	query.text = strdup(raw);
	if (!query.text)
		return error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	char *rest = query.text;
	for (char *pair; (pair = strsep(&rest, "&"));) {
		if (!*pair)
			continue;
		int r = add_param(&query, pair, ret_error);
		if (r) {
			query_deinit(&query);
			return r;
		}
	}
	*ret_query = query;
	return 0;
}

void query_deinit(struct query *query)
{
	free(query->text);
	*query = QUERY_NULL;
}

int query_one(const struct query *query, const char *name, const char **ret_value,
	      struct error *ret_error)
{
	const char *value = NULL;
	for (size_t i = 0; i < query->count; i++) {
		if (!query_is(query->params[i].name, name))
			continue;
		if (value) {
			error_violate(ret_error, name, "given more than once");
			return ERROR_CODE_INVALID_ARGUMENT;
		}
		value = query->params[i].value;
	}
	*ret_value = value;
	return 0;
}

bool query_is(const char *name, const char *snake)
{
	bool humps = !strchr(name, '_'); /* one way of writing it, not a mixture */
	for (; *snake; snake++, name++) {
		char want = *snake;
		if (humps && want == '_' && snake[1] >= 'a' && snake[1] <= 'z')
			want = (char)(*++snake - 'a' + 'A');
		if (*name != want)
			return false;
	}
	return !*name;
}

bool query_duration(const char *text, int64_t *ret_ns)
{
	size_t whole = strspn(text, "0123456789");
	const char *fraction = text[whole] == '.' ? text + whole + 1 : text + whole;
	size_t digits = fraction == text + whole ? 0 : strspn(fraction, "0123456789");
	const char *unit = fraction + digits;
	bool milliseconds = strcmp(unit, "ms") == 0;
	if (!whole || whole > 15 || digits > 9 || (fraction != text + whole && !digits) ||
	    (*unit && !milliseconds && strcmp(unit, "s") != 0))
		return false;
	int64_t unit_ns = milliseconds ? 1000000 : 1000000000, part_ns = unit_ns, ns = 0;
	int64_t count = strtoll(text, NULL, 10);
	if (count > QUERY_DURATION_S_MAX * (milliseconds ? INT64_C(1000) : INT64_C(1)))
		return false;
	for (size_t i = 0; i < digits; i++) {
		part_ns /= 10;
		ns += (fraction[i] - '0') * part_ns;
	}
	*ret_ns = count * unit_ns + ns;
	return true;
}
