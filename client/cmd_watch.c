/* watch: live counts and rates, of some jobs until they end, or of all until Ctrl-C. */
#include "command.h"
#include "feed.h"
#include "follow.h"
#include "listing.h"
#include "message.h"
#include "print.h"
#include "util.h"

#include <string.h>
#include <unistd.h>

enum { INTERVAL_MS = 1000, TICK_MS = 100 };

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

struct screen {					    /* a terminal's */
	ProtobufCMessage *lists[CLIENT_AGENTS_MAX]; /* owned: what is shown of each agent; NULL */
	bool shown;
};

static void draw(const struct client *client, const struct screen *screen)
{
	for (size_t i = 0; i < client->peer_count; i++)
		if (screen->lists[i])
			call_print(client, &client->peers[i], screen->lists[i], listing_print,
				   NULL);
}

static void clear(void)
{
	fputs("\033[H\033[2J", stdout);
}

static void free_lists(struct screen *screen)
{
	for (size_t i = 0; i < CLIENT_AGENTS_MAX; i++) {
		message_free(screen->lists[i]);
		screen->lists[i] = NULL;
	}
}

static int show(struct client *client, const struct call *call, struct screen *screen)
{
	int codes[CLIENT_AGENTS_MAX];
	if (!isatty(STDOUT_FILENO) || client->json)
		return call_each(client, call, listing_print, NULL);
	free_lists(screen);
	clear();
	for (size_t i = 0; i < client->peer_count; i++)
		codes[i] = call_message(client, &client->peers[i], call, &screen->lists[i]);
	draw(client, screen);
	screen->shown = true;
	return client_merge(codes, client->peer_count);
}

/* Is there something new to show? Not while an agent has been lost for less than CLIENT_LOST_S. */
static bool changed(struct feed *const *feeds, size_t count)
{
	bool in_sight = true, any = false;
	for (size_t i = 0; i < count; i++)
		in_sight &= feed_look(feeds[i]);
	for (size_t i = 0; in_sight && i < count; i++)
		any |= feed_changed(feeds[i]);
	return any;
}

static int watch_feeds(struct client *client, const struct call *call, struct feed *const *feeds,
		       struct screen *screen)
{
	static const int64_t INTERVAL_NS = (int64_t)INTERVAL_MS * 1000000;
	int64_t shown_ns = 0, drawn_ns = 0;
	while (!follow_signalled()) {
		int64_t now_ns = util_now_ns();
		if (now_ns >= shown_ns + INTERVAL_NS && changed(feeds, client->peer_count)) {
			int r = show(client, call, screen);
			if (r)
				return r;
			shown_ns = drawn_ns = util_now_ns();
		} else if (screen->shown && now_ns >= drawn_ns + INTERVAL_NS) {
			clear();
			draw(client, screen); /* nothing changed, but ages did */
			drawn_ns = now_ns;
		}
		if (!print_flush())
			return EXIT_DONE;
		http_wait(client->http, TICK_MS, -1);
	}
	return EXIT_DONE; /* only a signal ends it */
}

/* The whole table again when something changed, once a second at most: in place on a terminal,
 * where the ages go on in between, below the last one otherwise. */
static int watch_all(struct client *client, const struct options *options)
{
	_cleanup_free_ char *query = NULL, *path = NULL;
	struct feed *feeds[CLIENT_AGENTS_MAX] = {0};
	struct screen screen = {0};
	int r = listing_query(options, &query);
	if (r)
		return r;
	path = listing_path(query, NULL);
	const struct call call = {.method = "GET",
				  .path = path,
				  .answer = &pagecast__v1__list_jobs_response__descriptor};
	follow_signals();
	for (size_t i = 0; i < client->peer_count; i++)
		feeds[i] = feed_new(client, &client->peers[i]);
	r = watch_feeds(client, &call, feeds, &screen);
	free_lists(&screen);
	for (size_t i = 0; i < client->peer_count; i++)
		feed_free(feeds[i]);
	return r;
}

static int run_watch(struct client *client, const struct options *options)
{
	if (!options->argument_count)
		return watch_all(client, options);
	static const char *const FILTERS[] = {"state", "label", "page-size"};
	for (size_t i = 0; i < ARRAY_SIZE(FILTERS); i++)
		if (options_has(options, FILTERS[i]))
			return options_usage("watch",
					     "--%s is for watching all jobs: do not give ids",
					     FILTERS[i]);
	return watch_ids(client, options);
}

const struct command COMMAND_WATCH = {
	.name = "watch",
	.arguments = "[ID…]",
	.summary = "follow jobs with their live rate",
	.details = "With ids: until these jobs have ended, then their results; exit 0 only if all\n"
		   "SUCCEEDED. Without: all jobs, as they change, until Ctrl-C. Watching does not\n"
		   "change a job. With --json: each revision of the job, or each list, as JSON.",
	.examples = "  pagecast watch 01K6ZCP4Q7Y5T0R8W2M3N9B1XD\n"
		    "  pagecast watch --state running",
	.options = TABLES,
	.arguments_max = COMMAND_ARGUMENTS_MAX,
	.run = run_watch,
};
