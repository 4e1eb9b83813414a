/* The live events of an agent that comes and goes, in the time of the test. */
#include "client/feed.h"
#include "client/scripted_agent.h"

enum { TICK_MS = 100, LOST_MS = CLIENT_LOST_S * 1000, STREAMS = 16 };

static struct http_peer peer = {.name = (char *)"lab", .base = (char *)"http://lab:8470"};
static struct client client = {.peers = &peer, .peer_count = 1};
static struct feed *feed;

/* What becomes of each connection in turn; the last for all that follow. */
struct stream {
	const char *data; /* NULL: none comes */
	int64_t lasts_ms; /* to its end */
	int status;	  /* 0: the connection failed */
};
static const struct stream *streams; /* [stream_count] */
static size_t stream_count;

static void answer(struct http_exchange *exchange)
{
	const struct stream *stream = &streams[MIN(scripted.count, stream_count) - 1];
	answer_after(exchange, stream->lasts_ms, stream->status);
	exchange->data = stream->data;
}

#define BEGIN(rows)                                                                                \
	do {                                                                                       \
		streams = (rows);                                                                  \
		stream_count = ARRAY_SIZE(rows);                                                   \
		scripted_begin(answer, 1000000);                                                   \
		feed = feed_new(&client, &peer);                                                   \
		CHECK(feed_look(feed) && feed_changed(feed)); /* the first look is due */          \
	} while (0)

/* Until @at_ms: how often it said "changed", as the watcher asks. *@hidden_ms: as long it was lost
 */
static int changes_until(int64_t at_ms, int64_t *hidden_ms)
{
	int changes = 0;
	int64_t hidden_from_ms = -1;
	*hidden_ms = 0;
	while (scripted_ms(scripted.now_ns) < at_ms) {
		bool in_sight = feed_look(feed);
		int64_t now_ms = scripted_ms(scripted.now_ns);
		if (in_sight && hidden_from_ms >= 0)
			*hidden_ms += now_ms - hidden_from_ms;
		if (in_sight)
			hidden_from_ms = -1;
		else if (hidden_from_ms < 0)
			hidden_from_ms = now_ms;
		changes += in_sight && feed_changed(feed);
		__wrap_http_wait(NULL, TICK_MS, -1);
	}
	return changes;
}

#define EVENT(id) "id: " #id "\ndata: {}\n\n"

TEST(feed_goes_on_after_the_last_event_it_saw)
{
	static const struct stream ROWS[] = {
		{"retry: 2000\n\n" EVENT(41) EVENT(42), 5000, 200}, /* the agent ends it */
		{": still here\n\n", 5000, 0},			    /* cut off */
		{EVENT(18446744073709551615), 60000, 200},
	};
	int64_t hidden_ms;
	BEGIN(ROWS);
	CHECK_INT(changes_until(20000, &hidden_ms), ==, 2); /* not for what has no data */
	CHECK_INT(scripted.count, ==, 3);
	CHECK_STR(scripted.asked[0].last_event_id, "");
	CHECK_STR(scripted.asked[1].last_event_id, "42");
	CHECK_STR(scripted.asked[2].last_event_id, "42");
	for (size_t i = 1; i < scripted.count; i++)
		CHECK_INT(scripted.asked[i].asked_ns - scripted.asked[i - 1].answer_ns, >=,
			  500 * MS);
	feed_free(feed);
}

TEST(feed_counts_each_outage_by_itself)
{
	static const struct stream GONE_TWICE[] = {
		{"retry: 2000\n\n", 5000, 0},	  {NULL, LOST_MS - 1500, 0},
		{"retry: 2000\n\n", 5000, 0},	  {NULL, LOST_MS - 1500, 0},
		{"retry: 2000\n\n", 600000, 200},
	};
	int64_t hidden_ms;
	BEGIN(GONE_TWICE);
	CHECK_INT(changes_until(60000, &hidden_ms), ==, 0); /* a look would only have failed */
	CHECK_INT(hidden_ms, >=, 2 * (LOST_MS - 1500));
	CHECK_INT(hidden_ms, <=, 2 * LOST_MS);
	feed_free(feed);
}

TEST(feed_shows_an_agent_that_does_not_come_back)
{
	static const struct stream GONE[] = {{"retry: 2000\n\n", 5000, 200}, {NULL, 2, 0}};
	int64_t hidden_ms;
	BEGIN(GONE);
	CHECK_INT(changes_until(5000 + LOST_MS - TICK_MS, &hidden_ms), ==, 0);
	CHECK_INT(changes_until(5000 + LOST_MS + 2 * TICK_MS, &hidden_ms), >, 0);
	CHECK_INT(scripted.count, <=, 2 * CLIENT_LOST_S + 3); /* two a second */
	feed_free(feed);
}

TEST(feed_that_is_refused_lets_the_caller_ask)
{
	static const struct stream REFUSED[] = {{NULL, 2, 403}};
	int64_t hidden_ms;
	BEGIN(REFUSED);
	int changes = changes_until(10000, &hidden_ms);
	CHECK(changes >= 9 && changes <= 10); /* once a second, to see why */
	CHECK_INT(hidden_ms, ==, 0);
	feed_free(feed);
}

TEST(feed_that_missed_too_much_begins_anew)
{
	static const struct stream ROWS[] = {
		{EVENT(42), 1000, 0}, {NULL, 2, 410}, {"retry: 2000\n\n", 60000, 200}};
	int64_t hidden_ms;
	BEGIN(ROWS);
	CHECK_INT(changes_until(10000, &hidden_ms), ==, 2); /* the event, and that some are gone */
	CHECK_INT(scripted.count, ==, 3);
	CHECK_STR(scripted.asked[1].last_event_id, "42");
	CHECK_STR(scripted.asked[2].last_event_id, "");
	CHECK_INT(scripted.asked[2].asked_ns - scripted.asked[1].answer_ns, <=, TICK_MS * MS);
	feed_free(feed);
}

TEST_MAIN(CASE(feed_goes_on_after_the_last_event_it_saw), CASE(feed_counts_each_outage_by_itself),
	  CASE(feed_shows_an_agent_that_does_not_come_back),
	  CASE(feed_that_is_refused_lets_the_caller_ask),
	  CASE(feed_that_missed_too_much_begins_anew))
