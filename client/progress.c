/* progress: see progress.h. */
#include "progress.h"
#include "print.h"
#include "summary.h"
#include "util.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
	BAR_CELLS = 24,
	COLUMNS_DEFAULT = 80,
	TERMINAL_NS = 100000000, /* ten times a second: as often as the agent publishes */
	PLAIN_NS = 1000000000,
};

void progress_init(struct progress *progress)
{
	const char *term = getenv("TERM");
	*progress = (struct progress){
		.terminal = isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0),
	};
	/* A job that ends within its first second needs no plain line. */
	progress->next_ns = progress->terminal ? 0 : util_now_ns() + PLAIN_NS;
}

bool progress_due(const struct progress *progress, int64_t now_ns)
{
	return now_ns >= progress->next_ns;
}

void progress_begin(struct progress *progress, int64_t now_ns)
{
	progress->next_ns = now_ns + (progress->terminal ? TERMINAL_NS : PLAIN_NS);
	progress_clear(progress);
}

static size_t columns(void)
{
	struct winsize size;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || size.ws_col < 20)
		return COLUMNS_DEFAULT;
	return size.ws_col;
}

/* A line that would wrap could not be redrawn in place: cut by characters, not bytes. */
static void cut(char *line, size_t width)
{
	size_t shown = 0;
	for (char *c = line; *c; c++) {
		if ((*c & 0xc0) != 0x80 && ++shown > width) {
			*c = 0;
			return;
		}
	}
}

static char *bar(double fraction)
{
	char cells[BAR_CELLS + 1];
	int full = (int)(fraction * BAR_CELLS);
	for (int i = 0; i < BAR_CELLS; i++)
		cells[i] = i < full ? '#' : '.';
	cells[BAR_CELLS] = 0;
	return util_printf("[%s] ", cells);
}

void progress_line(struct progress *progress, const char *prefix, const Pagecast__V1__Job *job)
{
	_cleanup_free_ char *text = summary_line(job);
	_cleanup_free_ char *id = print_escaped(job->id);
	_cleanup_free_ char *from = print_escaped(prefix ? prefix : "");
	const char *between = prefix ? "  " : "";
	if (!progress->terminal) {
		fprintf(stderr, "%s%s%s %s\n", from, between, id, text);
		return;
	}
	double fraction = job->progress ? job->progress->fraction : 0;
	_cleanup_free_ char *drawn = fraction > 0 ? bar(MIN(fraction, 1.0)) : util_strdup("");
	_cleanup_free_ char *line = util_printf("%s%s%s%s", from, between, drawn, text);
	cut(line, columns() - 1);
	fprintf(stderr, "%s\033[K\n", line);
	progress->drawn++;
}

void progress_end(struct progress *progress)
{
	(void)progress;
	fflush(stderr);
}

void progress_clear(struct progress *progress)
{
	if (progress->drawn)
		fprintf(stderr, "\033[%zuA\r\033[J", progress->drawn);
	progress->drawn = 0;
}
