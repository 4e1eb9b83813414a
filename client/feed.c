/* feed: see feed.h. Only the id of an event is kept: the list has the rest. */
#include "feed.h"
#include "call.h"
#include "util.h"

#include <string.h>

enum {
	RETRY_NS = 500000000,
	REFUSED_RETRY_NS = 1000000000,
	STREAM_TIMEOUT_MS = 24 * 3600 * 1000, /* then it reconnects */
	LINE_KEPT_BYTES = 32,		      /* "id: " and a revision of 20 digits */
};

struct feed {
	const struct client *client;
	const struct http_peer *peer;
	struct http_exchange *stream; /* NULL: cut off */
	char line[LINE_KEPT_BYTES];   /* the start of the current line */
	size_t line_len;
	char last_id[LINE_KEPT_BYTES]; /* "": none */
	bool changed, begun;
	int64_t retry_ns, lost_since_ns;
};

struct feed *feed_new(const struct client *client, const struct http_peer *peer)
{
	struct feed *feed = util_calloc(1, sizeof *feed);
	feed->client = client;
	feed->peer = peer;
	feed->changed = true;
	return feed;
}

struct feed *feed_free(struct feed *feed)
{
	if (feed)
		http_abort(feed->stream);
	free(feed);
	return NULL;
}

static void take_line(struct feed *feed)
{
	size_t len = MIN(feed->line_len, sizeof feed->line - 1);
	feed->line[len] = '\0';
	if (strncmp(feed->line, "id: ", 4) == 0)
		memcpy(feed->last_id, feed->line + 4, len - 4 + 1);
	else if (strncmp(feed->line, "data:", 5) == 0)
		feed->changed = true;
	feed->line_len = 0;
}

static void take_data(void *context, const char *data, size_t len)
{
	struct feed *feed = context;
	feed->begun = true;
	feed->lost_since_ns = 0;
	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\n') {
			take_line(feed);
			continue;
		}
		if (feed->line_len < sizeof feed->line)
			feed->line[feed->line_len] = data[i];
		feed->line_len++;
	}
}

static void ended(void *context, struct http_response *response)
{
	struct feed *feed = context;
	int64_t now_ns = util_now_ns();
	bool cut = response->status == 0 || response->status == 200;
	feed->stream = NULL;
	feed->retry_ns = now_ns + (cut ? RETRY_NS : REFUSED_RETRY_NS);
	if (cut && !feed->lost_since_ns)
		feed->lost_since_ns = now_ns;
	if (cut)
		return;
	feed->lost_since_ns = 0;
	feed->changed = true;
	if (response->status == 410) { /* the agent no longer knows what was missed */
		feed->last_id[0] = '\0';
		feed->retry_ns = now_ns;
	}
}

static void begin(struct feed *feed)
{
	_cleanup_free_ char *header =
		*feed->last_id ? util_printf("Last-Event-ID: %s", feed->last_id) : NULL;
	const struct call call = {
		.method = "GET",
		.path = "/v1/events?interval=1s",
		.accept = "text/event-stream",
		.header = header,
		.timeout_ms = STREAM_TIMEOUT_MS,
		.data = take_data,
	};
	feed->line_len = 0;
	feed->stream = call_start(feed->client, feed->peer, &call, ended, feed);
}

bool feed_look(struct feed *feed)
{
	int64_t now_ns = util_now_ns();
	if (!feed->stream && now_ns >= feed->retry_ns)
		begin(feed);
	if (!feed->lost_since_ns || !feed->begun)
		return true;
	if (now_ns - feed->lost_since_ns < (int64_t)CLIENT_LOST_S * 1000000000)
		return false;
	feed->changed = true;
	return true;
}

bool feed_changed(struct feed *feed)
{
	bool changed = feed->changed;
	feed->changed = false;
	return changed;
}
