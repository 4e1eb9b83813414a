/* transmit: see transmit.h. */
#include "lib/transmit.h"

#include "base/util.h"
#include "engine/engine_words.h"
#include "lib/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <unistd.h>

enum {
	RECEIVE_BUFFER_BYTES = 64 << 20,
	ARRIVAL_TIMEOUT_MS =
		30000, /* far above any scheduling delay: a lost datagram fails a test */
	FULL_IN_A_ROW_MAX = 10000,
};

static void fill_bytes(uint8_t *bytes, uint32_t len, size_t place)
{
	uint32_t state = len * 2654435761u + (uint32_t)place * 40503u + 1;
	for (uint32_t i = 0; i < len; i++) {
		state = state * 1664525u + 1013904223u;
		bytes[i] = (uint8_t)(state >> 24);
	}
}

void job_init(struct job *job, Pagecast__V1__EngineKind kind, const struct sockaddr *to)
{
	bool v6 = to->sa_family == AF_INET6;
	memset(job, 0, sizeof *job);
	job->plan.streams = &job->stream;
	job->plan.stream_count = 1;
	job->plan.engine = kind;
	job->plan.layout = PAGECAST__V1__PAGE_LAYOUT__PAGE_LAYOUT_PACKED;
	job->plan.when_full = PAGECAST__V1__FULL_POLICY__FULL_POLICY_WAIT;
	job->stream.items = job->items;
	job->stream.one_len = true;
	job->stream.rate.kind = PLAN_RATE_UNLIMITED;
	job->stream.rate.layer = PAGECAST__V1__LAYER__LAYER_L2;
	job->stream.overhead_l3 = v6 ? 48 : 28;
	struct plan_destination *d = &job->stream.destination;
	d->kind = PLAN_UDP;
	d->family = to->sa_family;
	memcpy(&d->to, to, v6 ? sizeof d->to.v6 : sizeof d->to.v4);
	snprintf(d->text, sizeof d->text, "the receiver");
}

void job_add(struct job *job, uint32_t len, uint32_t repeat)
{
	struct plan_stream *stream = &job->stream;
	CHECK_INT(stream->item_count, <, JOB_ITEMS_MAX);
	uint8_t *bytes = malloc(len ? len : 1);
	CHECK(bytes);
	fill_bytes(bytes, len, stream->item_count);
	if (stream->item_count && stream->items[0].len != len)
		stream->one_len = false;
	job->items[stream->item_count++] = (struct plan_item){bytes, len, repeat};
	stream->pass_packets += repeat;
	stream->pass_bytes += (uint64_t)len * repeat;
	stream->len_max = MAX(stream->len_max, len);
}

void job_limit(struct job *job, uint64_t packets)
{
	job->stream.limit = (struct plan_limit){.kind = PLAN_LIMIT_PACKETS, .packets = packets};
}

void job_free(struct job *job)
{
	for (size_t i = 0; i < job->stream.item_count; i++)
		free((void *)job->items[i].bytes);
}

void job_clear(struct job *job)
{
	job_free(job);
	job->stream.item_count = 0;
	job->stream.pass_packets = job->stream.pass_bytes = 0;
	job->stream.len_max = 0;
}

static int open_bound(const char *address, int type, int protocol,
		      struct sockaddr_storage *ret_bound)
{
	struct sockaddr_storage at = {0};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&at;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&at;
	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1)
		at.ss_family = AF_INET;
	else if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1)
		at.ss_family = AF_INET6;
	CHECK(at.ss_family);
	int fd = socket(at.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	if (fd < 0)
		return -errno;
	int room = RECEIVE_BUFFER_BYTES;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
	socklen_t len = at.ss_family == AF_INET ? sizeof *v4 : sizeof *v6;
	if (bind(fd, (struct sockaddr *)&at, len) < 0) {
		int error = errno;
		close(fd);
		return -error;
	}
	getsockname(fd, (struct sockaddr *)&at, &len);
	*ret_bound = at;
	return fd;
}

int receiver_open(const char *address, struct sockaddr_storage *ret_bound)
{
	int fd = open_bound(address, SOCK_DGRAM, 0, ret_bound);
	if (fd < 0)
		test_skip("no UDP socket on %s: %s", address, strerror(-fd));
	return fd;
}

int receiver_open_raw(const char *address, int protocol, struct sockaddr_storage *ret_bound)
{
	int fd = open_bound(address, SOCK_RAW, protocol, ret_bound);
	if (fd < 0)
		test_skip("no raw socket on %s: %s", address, strerror(-fd));
	if (ret_bound->ss_family == AF_INET6)
		((struct sockaddr_in6 *)ret_bound)->sin6_port = 0;
	else
		((struct sockaddr_in *)ret_bound)->sin_port = 0;
	return fd;
}

ssize_t receiver_take(int fd, uint8_t *buffer, size_t size, int timeout_ms)
{
	ssize_t r = recv(fd, buffer, size, MSG_TRUNC | MSG_DONTWAIT);
	if (r >= 0 || timeout_ms == 0)
		return r;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	if (poll(&p, 1, timeout_ms) <= 0)
		return -1;
	return recv(fd, buffer, size, MSG_TRUNC | MSG_DONTWAIT);
}

static void expect_one(struct course *course)
{
	static uint8_t got[1 << 17];
	const struct plan_item *item;
	uint64_t count;
	plan_peek_run(&course->job->stream, &course->expected, &item, &count);
	ssize_t r = receiver_take(course->receiver, got, sizeof got, ARRIVAL_TIMEOUT_MS);
	if (r < 0)
		test_fail(__FILE__, __LINE__, "packet %" PRIu64 " of %u bytes did not arrive",
			  course->sent, item->len);
	size_t len = item->len - course->hidden_bytes;
	CHECK_INT(r - (ssize_t)course->skip_bytes, ==, len);
	CHECK(memcmp(got + course->skip_bytes, item->bytes + course->hidden_bytes, len) == 0);
	plan_advance(&course->job->stream, &course->expected, 1);
	course->sent++;
}

/* Packets the engine refused do not arrive: the next ones expected are those behind them. */
static void skip(struct course *course, uint64_t packets)
{
	for (; packets; packets--)
		plan_advance(&course->job->stream, &course->expected, 1);
}

/* How many packets the receiver has room for: less than root gets is all that others are given. */
static uint64_t room_for(const struct course *course)
{
	int bytes = 0;
	socklen_t size = sizeof bytes;
	if (course->receiver < 0)
		return UINT64_MAX;
	CHECK_INT(getsockopt(course->receiver, SOL_SOCKET, SO_RCVBUF, &bytes, &size), ==, 0);
	if (bytes >= RECEIVE_BUFFER_BYTES)
		return UINT64_MAX;
	/* what the kernel counts of a packet is some more than its length */
	uint64_t packet = 2 * ((uint64_t)course->job->stream.len_max + 1024);
	return MAX((uint64_t)bytes / packet, UINT64_C(1));
}

static void send_filling(struct course *course, struct flow *flow, const struct trains *trains,
			 uint64_t limit)
{
	struct train_cursor cursor = {0};
	uint64_t full_in_a_row = 0, room = room_for(course);
	while (course->sent + course->refused < limit && !trains_at_end(trains, &cursor)) {
		uint64_t left = limit - course->sent - course->refused;
		struct engine_result result;
		if (course->before_send)
			course->before_send(course, course->sent);
		uint64_t ask = MIN(left, room);
		if (course->chunk)
			ask = MIN(ask, course->chunk);
		flow_send(flow, &cursor, ask, &result, &course->counters);
		CHECK_INT(result.sent, <=, left);
		for (uint64_t i = 0; i < result.sent; i++)
			expect_one(course);
		course->bytes += result.bytes;
		course->longest_burst = MAX(course->longest_burst, result.longest_burst);
		if (result.outcome == ENGINE_DONE) {
			CHECK_INT(result.sent, >, 0);
			full_in_a_row = 0;
			continue;
		}
		CHECK_INT(result.error, >, 0);
		course->last_error = result.error;
		if (result.outcome == ENGINE_REFUSED) {
			CHECK_INT(result.refused, >, 0);
			course->refused += result.refused;
			skip(course, result.refused);
			continue;
		}
		course->full++;
		CHECK_INT(++full_in_a_row, <, FULL_IN_A_ROW_MAX);
		flow_wait_room(flow, 1000000, &course->counters);
	}
}

static void send_job(struct course *course, struct flow *flow)
{
	struct plan_cursor cursor = {0};
	uint64_t limit = course->job->stream.limit.packets;
	while (course->sent + course->refused < limit) {
		struct trains trains;
		struct train_limits limits = flow_limits(flow);
		CHECK_INT(trains_pack(&trains, &course->job->stream, &limits, &cursor,
				      limit - course->sent - course->refused),
			  ==, 0);
		CHECK_INT(flow_load(flow, &trains), ==, 0);
		send_filling(course, flow, &trains, limit);
		CHECK_INT(flow_load(flow, NULL), ==, 0);
		trains_retire(&trains);
	}
}

int course_run(struct course *course)
{
	struct engine *engine;
	struct flow *flow;
	CHECK_INT(engine_new(&engine, course->job->plan.engine, &course->job->plan), ==, 0);
	int r = flow_open(&flow, engine, &course->job->stream, "streams[0]", &course->problems);
	if (r == 0) {
		send_job(course, flow);
		flow_async_errors(flow, &course->async_errors, &course->counters);
		engine_words_async_errors(flow, &course->async_errors, "streams[0]",
					  &course->problems);
		engine_words_path(flow_path(flow), course->path, sizeof course->path);
		engine_words_reason(flow_path(flow), course->why, sizeof course->why);
		course->copies = flow_path(flow)->copies;
		flow_close(flow);
	}
	engine_free(engine);
	static uint8_t extra[1 << 17];
	if (r == 0 && course->receiver >= 0 &&
	    receiver_take(course->receiver, extra, sizeof extra, 0) >= 0)
		test_fail(__FILE__, __LINE__, "more arrived than was reported as sent");
	return r;
}
