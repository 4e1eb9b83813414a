/* What comes from outside must not steer the terminal of who reads it. */
#include "client/print.h"
#include "client/util.h"
#include "lib/test.h"

static void shown(const char *text, const char *expected)
{
	_cleanup_free_ char *escaped = print_escaped(text);
	CHECK_STR(escaped, expected);
}

TEST(steering_characters_are_escaped)
{
	shown("plain", "plain");
	shown("", "");
	shown("grün µs … 日本", "grün µs … 日本");
	shown("a\033[2Jb", "a\\x1b[2Jb");
	shown("two\nlines\r\ttab\a", "two\\nlines\\r\\ttab\\x07");
	shown("\x7f", "\\x7f");
	shown("\xc2\x9b[2J", "\\x9b[2J"); /* C1 CSI */
	shown("a\xe2\x80\xae"
	      "b",
	      "a\\u{202e}b");		   /* right-to-left override */
	shown("a\330\234b", "a\\u{61c}b"); /* Arabic letter mark */
	shown("\xe2\x81\xa6", "\\u{2066}");
	shown("\xe2\x82\xac", "€");
}

TEST(bytes_that_are_no_utf8_are_escaped)
{
	shown("\xff", "\\xff");
	shown("a\xc3", "a\\xc3");
	shown("\xe2\x80", "\\xe2\\x80");
	shown("\xc0\xaf", "\\xc0\\xaf");	  /* overlong */
	shown("\xed\xa0\x80", "\\xed\\xa0\\x80"); /* surrogate */
}

TEST(tables_align_by_characters)
{
	char *text = NULL;
	size_t len;
	struct table table = {.titles = {"NAME", "N"}, .right = 1 << 1, .columns = 2};
	table_add(&table, PRINT_PLAIN, "µ");
	table_add(&table, PRINT_PLAIN, "%d", 1);
	table_add(&table, PRINT_PLAIN, "long\033name");
	table_add(&table, PRINT_PLAIN, "1,000");
	FILE *out = open_memstream(&text, &len);
	table_print(&table, out);
	fclose(out);
	table_deinit(&table);
	CHECK_STR(text, "NAME              N\n"
			"µ                 1\n"
			"long\\x1bname  1,000\n");
	free(text);
}

TEST_MAIN(CASE(steering_characters_are_escaped), CASE(bytes_that_are_no_utf8_are_escaped),
	  CASE(tables_align_by_characters))
