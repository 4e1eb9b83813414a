/* log: lines that machines can take apart, whatever is in them. */
#include "lib/test.h"

#include "base/log.h"
#include "pagecast/audit.h"

#include <string.h>
#include <unistd.h>

static char output[1 << 16];

static int begin(int pipes[2])
{
	int standard_error = dup(STDERR_FILENO);
	CHECK(standard_error >= 0 && pipe(pipes) == 0);
	dup2(pipes[1], STDERR_FILENO);
	return standard_error;
}

/* What was written to standard error since begin(). */
static const char *end(int pipes[2], int standard_error)
{
	dup2(standard_error, STDERR_FILENO);
	close(standard_error);
	close(pipes[1]);
	size_t len = 0;
	for (ssize_t n; (n = read(pipes[0], output + len, sizeof output - 1 - len)) > 0;)
		len += (size_t)n;
	output[len] = '\0';
	close(pipes[0]);
	return output;
}

TEST(log_quotes_what_would_forge_a_line)
{
	int pipes[2], standard_error = begin(pipes);
	log_configure(LOG_LEVEL_INFO, LOG_FORMAT_KV);
	log_event(LOG_LEVEL_INFO, "e", "a", "plain", "b", "two words", "c", "x\ny=\"1\"\\", "d", "",
		  NULL);
	const char *line = end(pipes, standard_error);
	CHECK_HAS(line, " level=info event=e a=plain b=\"two words\" "
			"c=\"x\\u000ay=\\\"1\\\"\\\\\" d=\"\"\n");
}

static const char *line_of(enum log_format format, const char *value)
{
	int pipes[2], standard_error = begin(pipes);
	log_configure(LOG_LEVEL_INFO, format);
	log_event(LOG_LEVEL_INFO, "e", "v", value, NULL);
	return end(pipes, standard_error);
}

/* In octal, which ends after three digits. */
TEST(log_escapes_what_a_viewer_takes_for_structure)
{
	static const struct {
		const char *value, *escaped;
	} CASES[] = {
		{"a\342\200\250b", "a\\u2028b"},	       /* line separator */
		{"a\342\200\251b", "a\\u2029b"},	       /* paragraph separator */
		{"a\302\205b", "a\\u0085b"},		       /* next line */
		{"a\302\23331mb", "a\\u009b31mb"},	       /* CSI in one character */
		{"a\033[2Kb", "a\\u001b[2Kb"},		       /* and in two */
		{"a\342\200\256b", "a\\u202eb"},	       /* right-to-left override */
		{"a\342\201\246b", "a\\u2066b"},	       /* isolate */
		{"a\330\234b", "a\\u061cb"},		       /* Arabic letter mark */
		{"a\342\200\213b", "a\\u200bb"},	       /* zero width space */
		{"a\357\273\277b", "a\\ufeffb"},	       /* byte order mark */
		{"a\363\240\201\201b", "a\\udb40\\udc41b"},    /* tag */
		{"a\177b", "a\\u007fb"},		       /* delete */
		{"a\23331mb", "a\\ufffd31mb"},		       /* CSI to a terminal of 8 bits */
		{"a\300\212b", "a\\ufffd\\ufffdb"},	       /* a newline in a longer form */
		{"a\355\240\200b", "a\\ufffd\\ufffd\\ufffdb"}, /* surrogate */
		{"a\364\220\200\200", "a\\ufffd\\ufffd\\ufffd\\ufffd"}, /* beyond the last */
		{"a\342\200", "a\\ufffd\\ufffd"},			/* cut */
		{"d\303\251j\303\240 \360\237\230\200 \342\200\246",
		 "d\303\251j\303\240 \360\237\230\200 \342\200\246"}, /* text */
	};
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		char expected[128];
		snprintf(expected, sizeof expected, " event=e v=\"%s\"\n", CASES[i].escaped);
		CHECK_HAS(line_of(LOG_FORMAT_KV, CASES[i].value), expected);
		snprintf(expected, sizeof expected, "\"event\":\"e\",\"v\":\"%s\"}\n",
			 CASES[i].escaped);
		CHECK_HAS(line_of(LOG_FORMAT_JSON, CASES[i].value), expected);
	}
}

TEST(log_silences_below_its_level_but_no_audit)
{
	int pipes[2], standard_error = begin(pipes);
	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_JSON);
	log_event(LOG_LEVEL_WARN, "quiet", NULL);
	log_event(LOG_LEVEL_ERROR, "loud", NULL);
	audit_write(
		&(struct audit_entry){.principal = "ci", .peer = "unix", .action = "SubmitJob"});
	const char *lines = end(pipes, standard_error);
	CHECK(!strstr(lines, "quiet"));
	CHECK_HAS(lines, "\"event\":\"loud\"}\n");
	CHECK_HAS(lines, "\"event\":\"audit\",\"principal\":\"ci\",\"peer\":\"unix\","
			 "\"action\":\"SubmitJob\",\"verdict\":\"ok\"}\n");
}

/* However long its value, the line stays one of JSON: quotes closed, escapes and characters whole.
 */
TEST(log_cuts_a_long_value_cleanly)
{
	static const char *const FILL[] = {"x", "\"", "\n", "\xc3\xa9", "\xf0\x9f\x98\x80"};
	for (size_t i = 0; i < sizeof FILL / sizeof *FILL; i++) {
		for (size_t shift = 0; shift < 6; shift++) {
			char value[16384] = "";
			memset(value, 'y', shift);
			for (size_t len = shift; len + 8 < sizeof value; len += strlen(FILL[i]))
				strcpy(value + len, FILL[i]);
			int pipes[2], standard_error = begin(pipes);
			log_configure(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
			log_event(LOG_LEVEL_INFO, "e", "long", value, "left", "out", NULL);
			const char *line = end(pipes, standard_error);
			size_t len = strlen(line);
			CHECK(len <= 4096);
			CHECK_STR(line + len - 3, "\"}\n");
			CHECK(!strstr(line, "left"));
			const char *last = line + len - 4;
			switch (i) {
			case 0: CHECK_INT(*last, ==, 'x'); break;
			case 1: CHECK(last[0] == '"' && last[-1] == '\\'); break;
			case 2: CHECK(memcmp(last - 5, "\\u000a", 6) == 0); break;
			case 3: CHECK(memcmp(last - 1, "\xc3\xa9", 2) == 0); break;
			case 4: CHECK(memcmp(last - 3, "\xf0\x9f\x98\x80", 4) == 0); break;
			}
		}
	}
}

TEST_MAIN(CASE(log_quotes_what_would_forge_a_line),
	  CASE(log_escapes_what_a_viewer_takes_for_structure),
	  CASE(log_silences_below_its_level_but_no_audit), CASE(log_cuts_a_long_value_cleanly))
