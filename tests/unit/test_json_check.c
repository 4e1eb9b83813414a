/*
 * The strict gate: what is not JSON by RFC 8259 is refused with its place, what is passes.
 *
 * Each bad text is also the text that a lenient parser is known to take; each good one is shown to
 * json-c, written elsewhere, which must agree.
 */
#include "api/codec/json_check.h"

#include <json-c/json.h>

#include "lib/test.h"

struct bad {
	const char *text;
	size_t offset;	  /* where the fault is told */
	const char *part; /* of the sentence */
	size_t len;	  /* 0: strlen() */
};

static const struct bad BAD[] = {
	/* nothing, or too much */
	{"", 0, "a value is expected"},
	{" \t\r\n ", 5, "a value is expected"},
	{"{} {}", 3, "nothing may follow"},
	{"{}x", 2, "no such word"},
	{"[]]", 2, "nothing may follow"},
	{"1 2", 2, "nothing may follow"},
	{"\"a\",", 3, "nothing may follow"},
	{"{}#", 2, "no JSON value"},
	{"\xEF\xBB\xBF{}", 0, "byte order mark"},
	{"{}\0", 2, "no JSON value", 3},
	{"\0", 0, "no JSON value", 1},
	{"[1]\f", 3, "no JSON value"},
	{"\v[]", 0, "no JSON value"},
	{"\xC2\xA0[]", 0, "no JSON value"},
	/* structure */
	{"{", 1, "a key in double quotes or }"},
	{"[", 1, "a value or ]"},
	{"}", 0, "a value is expected"},
	{"]", 0, "a value is expected"},
	{"[}", 1, "a value or ] is expected"},
	{"{]", 1, "a key in double quotes or }"},
	{"[1,]", 3, "a value is expected"},
	{"[,1]", 1, "a value or ]"},
	{"[1,,2]", 3, "a value is expected"},
	{"[1 2]", 3, "a comma or ]"},
	{"[1:2]", 2, "a comma or ]"},
	{"[1}", 2, "a comma or ]"},
	{"[1", 2, "a comma or ]"},
	{"[[]", 3, "a comma or ]"},
	{"{\"a\"}", 4, "a colon"},
	{"{\"a\" 1}", 5, "a colon"},
	{"{\"a\",1}", 4, "a colon"},
	{"{\"a\":}", 5, "a value is expected"},
	{"{\"a\":1,}", 7, "a key in double quotes is"},
	{"{\"a\":1 \"b\":2}", 7, "a comma or }"},
	{"{\"a\":1]", 6, "a comma or }"},
	{"{,}", 1, "a key in double quotes or }"},
	{"{a:1}", 1, "no such word"},
	{"{'a':1}", 1, "no JSON value"},
	{"{1:1}", 1, "a key in double quotes or }"},
	{"{null:1}", 1, "a key in double quotes or }"},
	{"{[]:1}", 1, "a key in double quotes or }"},
	{"{\"a\"::1}", 5, "a value is expected"},
	{"{\"a\":1}}", 7, "nothing may follow"},
	{"[\"a\", //c\n1]", 6, "no JSON value"},
	{"[/**/]", 1, "no JSON value"},
	{":", 0, "a value is expected"},
	{",", 0, "a value is expected"},
	/* words */
	{"True", 0, "no such word"},
	{"nul", 0, "no such word"},
	{"nulll", 0, "no such word"},
	{"truefalse", 0, "no such word"},
	{"NaN", 0, "no such word"},
	{"[Infinity]", 1, "no such word"},
	{"[-Infinity]", 1, "a digit must follow"},
	{"undefined", 0, "no such word"},
	{"'a'", 0, "no JSON value"},
	/* numbers */
	{"-", 0, "a digit must follow the minus"},
	{"+1", 0, "no JSON value"},
	{"01", 0, "must not begin with a zero"},
	{"-01", 0, "must not begin with a zero"},
	{"-a", 0, "a digit must follow the minus"},
	{"1.", 0, "decimal point"},
	{".5", 0, "no JSON value"},
	{"1.e5", 0, "decimal point"},
	{"1e", 0, "exponent"},
	{"1e+", 0, "exponent"},
	{"1E-", 0, "exponent"},
	{"1e5.5", 3, "no JSON value"},
	{"1.5.5", 3, "no JSON value"},
	{"0x10", 1, "no such word"},
	{"1_000", 1, "no JSON value"},
	{"--1", 0, "a digit must follow the minus"},
	{"1a", 1, "no such word"},
	{"\xEF\xBC\x91", 0, "no JSON value"}, /* a fullwidth digit */
	/* strings */
	{"\"", 1, "does not end"},
	{"\"abc", 4, "does not end"},
	{"\"\\", 2, "does not end"},
	{"\"\\\"", 3, "does not end"},
	{"\"a\nb\"", 2, "control character"},
	{"\"a\tb\"", 2, "control character"},
	{"\"\x01\"", 1, "control character"},
	{"\"a\0b\"", 2, "control character", 5},
	{"\"\\x41\"", 1, "no such escape"},
	{"\"\\'\"", 1, "no such escape"},
	{"\"\\a\"", 1, "no such escape"},
	{"\"\\U0041\"", 1, "no such escape"},
	{"\"\\\n\"", 1, "no such escape"},
	{"\"\\\0\"", 1, "no such escape", 4},
	{"\"\\u12\"", 1, "four hexadecimal digits"},
	{"\"\\u12G4\"", 1, "four hexadecimal digits"},
	{"\"\\u", 1, "four hexadecimal digits"},
	{"\"\\u+123\"", 1, "four hexadecimal digits"},
	{"\"\\u0000\"", 1, "\\u0000 is not allowed"},
	{"{\"a\\u0000b\":1}", 3, "\\u0000 is not allowed"},
	{"\"\\uD800\"", 1, "without the low one"},
	{"\"\\uDC00\"", 1, "without the high one"},
	{"\"\\uD800x\"", 1, "without the low one"},
	{"\"\\uD800\\n\"", 1, "without the low one"},
	{"\"\\uD800\\uD800\"", 1, "without the low one"},
	{"\"\\uD800\\u0041\"", 1, "without the low one"},
	{"\"\\uDC00\\uD800\"", 1, "without the high one"},
	{"\"\\uD834\\uDD\"", 1, "without the low one"},
	/* UTF-8 */
	{"\"\x80\"", 1, "not UTF-8"},
	{"\"\xFF\"", 1, "not UTF-8"},
	{"\"\xC0\xAF\"", 1, "not UTF-8"},	  /* overlong / */
	{"\"\xC1\xBF\"", 1, "not UTF-8"},	  /* overlong */
	{"\"\xE0\x80\xAF\"", 1, "not UTF-8"},	  /* overlong */
	{"\"\xF0\x80\x80\xAF\"", 1, "not UTF-8"}, /* overlong */
	{"\"\xC0\x80\"", 1, "not UTF-8"},	  /* overlong NUL */
	{"\"\xED\xA0\x80\"", 1, "not UTF-8"},	  /* a surrogate */
	{"\"\xED\xBF\xBF\"", 1, "not UTF-8"},
	{"\"\xF4\x90\x80\x80\"", 1, "not UTF-8"}, /* past U+10FFFF */
	{"\"\xF8\x88\x80\x80\x80\"", 1, "not UTF-8"},
	{"\"a\xE2\x82\"", 2, "not UTF-8"}, /* cut */
	{"\"\xE2\x28\xA1\"", 1, "not UTF-8"},
	{"\"\xF0\x9D\x84\"", 1, "not UTF-8"},
	{"{\"\xC3\x28\":1}", 2, "not UTF-8"},
	{"\"\xE9\"", 1, "not UTF-8"},		   /* Latin-1 */
	{"\xFF\xFE[\0]\0", 0, "no JSON value", 6}, /* UTF-16 */
	/* one key twice */
	{"{\"a\":1,\"a\":2}", 7, "the key \"a\" appears twice in one object"},
	{"{\"a\":1,\"\\u0061\":2}", 7, "the key \"\\u0061\" appears twice"},
	{"{\"\\/\":1,\"b\":0,\"/\":2}", 14, "appears twice"},
	{"{\"\":1,\"\":2}", 6, "the key \"\" appears twice"},
	{"[{\"x\":{\"b\":1,\"c\":2,\"b\":3}}]", 19, "appears twice"},
	{"{\"\\uD834\\uDD1E\":1,\"\xF0\x9D\x84\x9E\":2}", 18, "appears twice"},
	{"{\"a\":{\"b\":1},\"c\":[{\"a\":1}],\"a\":2}", 27, "appears twice"},
};

static const char *const GOOD[] = {
	"{}",
	"[]",
	"0",
	"-0",
	"\"\"",
	"null",
	"true",
	" \r\n\t{ \"a\" : [ 1 , 2.5e-3 , -0.0 , 1E400 ] } \n",
	"{\"a\":{\"a\":{\"a\":[{\"a\":1},{\"a\":2}]}}}",
	"{\"a\":1,\"A\":2,\"a \":3,\"\":4}",
	"[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD834\\uDD1E\"]",
	("\"\\u0001 \x7F \xC2\x80 \xED\x9F\xBF \xEE\x80\x80 \xEF\xBF\xBF \xF0\x90\x80\x80 "
	 "\xF4\x8F\xBF\xBF\""),
	"[1,-1,0.5,1e5,1E+5,1e-5,123456789012345678901234567890]",
	"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", /* 32 deep */
	"[true,false,null,[],{},[[]],[{}]]",
};

TEST(json_check_refuses_what_is_not_json_and_says_where)
{
	CHECK_INT(sizeof BAD / sizeof *BAD, >=, 80);
	for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
		_cleanup_error_ struct error error = ERROR_NULL;
		size_t len = BAD[i].len ? BAD[i].len : strlen(BAD[i].text);
		char where[64], *copy = malloc(len ? len : 1); /* no byte behind it to lean on */
		memcpy(copy, BAD[i].text, len);
		snprintf(where, sizeof where, "not valid JSON at offset %zu (line", BAD[i].offset);
		if (json_check(copy, len, &error) != ERROR_CODE_INVALID_ARGUMENT)
			test_fail(__FILE__, __LINE__, "taken: %s", BAD[i].text);
		if (!strstr(error_message(&error), where) ||
		    !strstr(error_message(&error), BAD[i].part))
			test_fail(__FILE__, __LINE__, "%s: \"%s\" instead of \"%s … %s\"",
				  BAD[i].text, error_message(&error), where, BAD[i].part);
		free(copy);
	}
}

TEST(json_check_takes_what_another_strict_parser_takes)
{
	for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
		_cleanup_error_ struct error error = ERROR_NULL;
		if (json_check(GOOD[i], strlen(GOOD[i]), &error))
			test_fail(__FILE__, __LINE__, "%s: %s", GOOD[i], error_message(&error));
		struct json_tokener *tokener = json_tokener_new_ex(33);
		json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
		json_object_put(json_tokener_parse_ex(tokener, GOOD[i], (int)strlen(GOOD[i]) + 1));
		CHECK_INT(json_tokener_get_error(tokener), ==, json_tokener_success);
		json_tokener_free(tokener);
	}
}

TEST(json_check_counts_lines_and_characters)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	const char *text = "{\n  \"n\u00e4me\": \"x\",\n  \"\u20ac\u20ac\" 1\n}";
	CHECK_INT(json_check(text, strlen(text), &error), ==, ERROR_CODE_INVALID_ARGUMENT);
	CHECK_STR(error_message(&error), "not valid JSON at offset 29 (line 3, column 8): a colon "
					 "is expected after the key");
	CHECK_STR(error.reason, "INVALID_JSON");
	CHECK_INT(error.fact_count, ==, 4);
	CHECK_STR(error.facts[0].name, "offset");
	CHECK_STR(error.facts[0].value, "29");
	CHECK_STR(error.facts[1].value, "3");
	CHECK_STR(error.facts[2].value, "8");
	CHECK_STR(error.facts[3].value, "a colon is expected after the key");
}

static char *repeat(const char *before, const char *piece, size_t times, const char *after)
{
	size_t len = strlen(piece);
	char *text = malloc(strlen(before) + len * times + strlen(after) + 1), *at = text;
	at = stpcpy(at, before);
	for (size_t i = 0; i < times; i++)
		at = stpcpy(at, piece);
	strcpy(at, after);
	return text;
}

static void check_text(char *text, bool good, const char *part)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	int r = json_check(text, strlen(text), &error);
	if ((r == 0) != good)
		test_fail(__FILE__, __LINE__, "%.40s…: %s", text, error_message(&error));
	if (part)
		CHECK_HAS(error_message(&error), part);
	free(text);
}

TEST(json_check_bounds_depth_values_and_digits)
{
	check_text(repeat("", "[", 32, "1"), false, "a comma or ]");
	check_text(repeat("", "[", 33, "1"), false, "offset 32 (line 1, column 33): nested deeper");
	check_text(repeat("", "{\"a\":", 33, "1"), false, "nested deeper than 32");
	check_text(repeat("", "[", 1000000, ""), false, "nested deeper than 32");
	check_text(repeat("[0", ",0", JSON_VALUES_MAX - 2, "]"), true, NULL);
	check_text(repeat("[0", ",0", JSON_VALUES_MAX - 1, "]"), false, "more than 262144 values");
	check_text(repeat("", "1", 1100, ""), true, NULL);
	check_text(repeat("", "1", 1101, ""), false, "more than 1100 characters");
	check_text(repeat("-0.", "1", 1098, "e5"), false, "more than 1100 characters");
}

TEST(json_check_finds_one_duplicate_among_many_keys)
{
	enum { KEYS = 5000 };
	char *text = malloc(KEYS * 16 + 32), *at = text;
	*at++ = '{';
	for (int i = 0; i < KEYS; i++)
		at += sprintf(at, "\"key%05d\":0,", (i * 7919) % KEYS);
	strcpy(at, "\"other\":0}");
	_cleanup_error_ struct error error = ERROR_NULL;
	CHECK_INT(json_check(text, strlen(text), &error), ==, 0);
	size_t where = (size_t)(at - text);
	strcpy(at, "\"key0\\u00304\\u00322\":0}"); /* key00422, in another spelling */
	CHECK_INT(json_check(text, strlen(text), &error), ==, ERROR_CODE_INVALID_ARGUMENT);
	char told[64];
	snprintf(told, sizeof told, "offset %zu ", where);
	CHECK_HAS(error_message(&error), told);
	CHECK_HAS(error_message(&error), "appears twice");
	free(text);
}

TEST_MAIN(CASE(json_check_refuses_what_is_not_json_and_says_where),
	  CASE(json_check_takes_what_another_strict_parser_takes),
	  CASE(json_check_counts_lines_and_characters),
	  CASE(json_check_bounds_depth_values_and_digits),
	  CASE(json_check_finds_one_duplicate_among_many_keys))
