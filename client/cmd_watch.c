/* watch: live counts and rates, of some jobs until they end, or of all until Ctrl-C. */
#include "command.h"
#include "follow.h"
#include "listing.h"
#include "print.h"
#include "util.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { INTERVAL_MS = 1000 };

static const struct option *const TABLES[] = {LISTING_OPTIONS, NULL};

static int watch_ids(struct client *client, const struct options *options)
{
	const struct follow_options how = {.json_each = client->json};
	struct follow *follow = follow_new(client, &how);
	for (size_t i = 0; i < options->argument_count; i++)
		for (size_t peer = 0; peer < client->peer_count; peer++)
			follow_add(follow, &client->peers[peer], options->arguments[i], NULL);
	int code = follow_run(follow);
	follow_free(follow);
	return code;
}

static void print_jobs(const ProtobufCMessage *message, FILE *out, void *context)
{
	(void)context;
	const Pagecast__V1__ListJobsResponse *page =
		(const Pagecast__V1__ListJobsResponse *)message;
	listing_print(page->jobs, page->n_jobs, out);
}

/* The whole table again each second: in place on a terminal, below the last one otherwise. */
static int watch_all(struct client *client, const struct options *options)
{
	_cleanup_free_ char *query = NULL, *path = NULL;
	int r = listing_query(options, &query);
	if (r)
		return r;
	path = listing_path(query, NULL);
	const struct call call = {.method = "GET",
				  .path = path,
				  .answer = &pagecast__v1__list_jobs_response__descriptor};
	follow_signals();
	while (!follow_signalled()) {
		if (isatty(STDOUT_FILENO) && !client->json)
			fputs("\033[H\033[2J", stdout);
		r = call_each(client, &call, print_jobs, NULL);
		if (r || !print_flush())
			return r;
		if (!follow_signalled())
			poll(NULL, 0, INTERVAL_MS); /* a signal ends it early */
	}
	return EXIT_DONE; /* there is no other way to end it */
}

static int run_watch(struct client *client, const struct options *options)
{
	if (!options->argument_count)
		return watch_all(client, options);
	static const char *const FILTERS[] = {"state", "label", "page-size"};
	for (size_t i = 0; i < ARRAY_SIZE(FILTERS); i++)
		if (options_has(options, FILTERS[i]))
			return options_usage("watch", "--%s is for watching all: name no job",
					     FILTERS[i]);
	return watch_ids(client, options);
}

const struct command COMMAND_WATCH = {
	.name = "watch",
	.arguments = "[ID…]",
	.summary = "follow jobs with their live rate",
	.details = "With ids: until they have ended, then their results; exit 0 only if all "
		   "SUCCEEDED.\n"
		   "Without: all jobs, once a second, until Ctrl-C. Watching never changes a job.\n"
		   "With --json: each revision of the job, or each list, as the API gives it.",
	.examples = "  pagecast watch 01K6ZCP4Q7Y5T0R8W2M3N9B1XD\n"
		    "  pagecast watch --state running",
	.options = TABLES,
	.arguments_max = COMMAND_ARGUMENTS_MAX,
	.run = run_watch,
};
