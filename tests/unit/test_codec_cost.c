/*
 * What a hostile body of 64 KiB costs: at most 1 MiB of heap beyond its own size, in both codecs,
 * whatever it holds; and what an honest one of 1,024 streams is not refused for.
 *
 * Heap is counted by lib/heap. CPU is printed, not judged: the machine is shared.
 */
#include "api/codec/json_read.h"
#include "api/codec/json_write.h"
#include "api/codec/wire.h"

#include <time.h>

#include "lib/heap.h"
#include "lib/messages.h"
#include "lib/test.h"
#include "pagecast/v1/transmit_service.pb-c.h"

enum { BODY_LEN = 65536, HEAP_MAX = 1 << 20 };

struct body {
	char data[BODY_LEN + 1];
	size_t len;
};

/* @before, then @piece as often as it fits with @after, then @after. "%zu" in the piece counts. */
static void fill(struct body *body, const char *before, const char *piece, const char *after)
{
	char numbered[512];
	body->len = (size_t)sprintf(body->data, "%s", before);
	for (size_t i = 0;; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		size_t n = (size_t)snprintf(numbered, sizeof numbered, piece, i);
#pragma GCC diagnostic pop
		if (body->len + n + strlen(after) > BODY_LEN)
			break;
		memcpy(body->data + body->len, numbered, n + 1);
		body->len += n;
	}
	body->len += (size_t)sprintf(body->data + body->len, "%s", after);
}

static void fill_wire(struct body *body, const void *piece, size_t len)
{
	for (body->len = 0; body->len + len <= BODY_LEN; body->len += len)
		memcpy(body->data + body->len, piece, len);
}

static int64_t cpu_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

/* The heap's high-water mark while @body is read, and after it, freed again. */
static void measure(const char *name, const struct body *body, bool json, bool ignore_unknown)
{
	struct error error = ERROR_NULL;
	struct json_read_options options = {.ignore_unknown = ignore_unknown};
	ProtobufCMessage *message = NULL;
	const ProtobufCMessageDescriptor *type = &pagecast__v1__job_spec__descriptor;
	const uint8_t *data = (const uint8_t *)body->data;
	size_t before = heap_in_use();
	heap_reset_peak();
	int64_t start = cpu_us();
	int r = json ? json_read(type, body->data, body->len, &options, &message, &error)
		     : wire_read(type, data, body->len, ignore_unknown, &message, &error);
	int64_t spent = cpu_us() - start;
	size_t most = heap_peak() - before;
	printf("  %-34s %7zu B heap, %6" PRId64 " us: %.70s\n", name, most, spent,
	       r ? error_message(&error) : "taken");
	if (!r)
		protobuf_c_message_free_unpacked(message, NULL);
	error_deinit(&error);
	CHECK_INT(most, <=, HEAP_MAX);
	CHECK_INT(heap_in_use(), ==, before);
}

static void need_counting(void)
{
	if (!heap_watched())
		test_skip("a sanitizer or valgrind owns malloc(): heap is measured in the plain "
			  "build");
}

TEST(json_of_64_kib_stays_below_1_mib)
{
	static const struct {
		const char *name, *before, *piece, *after;
	} bodies[] = {
		{"empty streams", "{\"streams\":[{}", ",{}", "]}"},
		{"top level list", "[{}", ",{}", "]"},
		{"lists in lists", "[[]", ",[]", "]"},
		{"streams of everything empty", "{\"streams\":[{}",
		 ",{\"udp\":{},\"size\":{},\"rate\":{},\"limit\":{},\"burst\":{},\"stamp\":{}}",
		 "]}"},
		{"empty payloads", "{\"streams\":[{\"payloads\":[{}", ",{}", "]}]}"},
		{"empty texts", "{\"streams\":[{\"payloads\":[{\"text\":\"\"}", ",{\"text\":\"\"}",
		 "]}]}"},
		{"labels", "{\"labels\":[{}", ",{\"key\":\"\",\"value\":\"a\"}", "]}"},
		{"numbers in a list", "{\"streams\":[{\"modifiers\":[{\"list\":{\"values\":[0",
		 ",0", "]}}]}]}"},
		{"small lists", "{\"streams\":[{\"modifiers\":[{}", ",{\"list\":{\"values\":[0]}}",
		 "]}]}"},
		{"nulls in a list", "{\"streams\":[null", ",null", "]}"},
		{"one key, again and again", "{\"a\":0", ",\"a\":0", "}"},
		{"unknown keys", "{\"a\":0", ",\"k%zx\":0", "}"},
		{"unknown keys with one beginning", "{\"a\":0",
		 ",\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaak%zx\":0", "}"},
		{"escaped keys", "{\"a\":0", ",\"\\u0061\\u0061\\u0061k%zx\":0", "}"},
		{"unknown keys in objects", "{\"streams\":[{}", ",{\"payload\":0,\"limt\":0}",
		 "]}"},
		{"wrong values", "{\"streams\":[{}", ",{\"rate\":0,\"limit\":[],\"size\":\"\"}",
		 "]}"},
		{"wrong enums", "{\"engine\":\"", "ENGINE", "\"}"},
		{"a long key", "{\"", "long", "\":1}"},
		{"a long text", "{\"name\":\"", "text", "\"}"},
		{"a text of escapes", "{\"name\":\"", "\\ud83d\\ude00", "\"}"},
		{"bytes", "{\"streams\":[{\"payloads\":[{\"bytes\":\"", "AAAA", "\"}]}]}"},
		{"blanks", "{", " \n\t\r", "}"},
		{"digits", "{\"priority\":1", "0", "}"},
		{"deep", "", "[{\"a\":", ""},
		{"long doubles", "{\"streams\":[{}",
		 ",{\"rate\":{\"pps\":0."
		 "000000000000000000000000000000000000000000000000000000000000000"
		 "000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		 "0000"
		 "0000000000000000000000000000000000000000000000000001234567890123456789e99}}",
		 "]}"},
		{"times", "{\"streams\":[{}", ",{\"startDelay\":\"0.000000001s\"}", "]}"},
	};
	need_counting();
	struct body *body = malloc(sizeof *body);
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		fill(body, bodies[i].before, bodies[i].piece, bodies[i].after);
		measure(bodies[i].name, body, true, false);
		measure("  unknown fields ignored", body, true, true);
	}
	free(body);
}

/* The message of @spec_json, as bytes that unpack as often as they are repeated. */
static void fill_from_json(struct body *body, const char *spec_json)
{
	struct error error = ERROR_NULL;
	ProtobufCMessage *message = NULL;
	uint8_t *data = NULL;
	size_t len = 0;
	CHECK_INT(json_read(&pagecast__v1__job_spec__descriptor, spec_json, strlen(spec_json), NULL,
			    &message, &error),
		  ==, 0);
	CHECK_INT(wire_write(message, &data, &len, &error), ==, 0);
	fill_wire(body, data, len);
	free(data);
	protobuf_c_message_free_unpacked(message, NULL);
}

TEST(protobuf_of_64_kib_stays_below_1_mib)
{
	static const char *const specs[] = {
		"{\"streams\":[{}]}",
		"{\"labels\":[{}]}",
		"{\"labels\":[{\"key\":\"a\"}]}",
		"{\"streams\":[{\"payloads\":[{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}]}]}",
		"{\"streams\":[{\"udp\":{},\"size\":{},\"rate\":{},\"limit\":{},\"burst\":{}}]}",
		"{\"streams\":[{\"modifiers\":[{\"list\":{\"values\":[0,0,0,0,0,0,0,0,0,0]}}]}]}",
		"{\"streams\":[{\"modifiers\":[{\"list\":{\"values\":[0]}}]}]}",
		"{\"streams\":[{\"payloads\":[{\"text\":\"\"},{\"text\":\"\"},{\"text\":\"\"}]}]}",
	};
	static const struct {
		const char *name, *piece;
		size_t len;
	} raw[] = {
		{"unknown numbers", "\xF8\x07\x00", 3},
		{"unknown bytes", "\xFA\x07\x00", 3},
		{"one field again and again", "\x18\x01", 2},
		{"one sub-message again and again", "\x22\x00", 2},
		{"groups", "\x0B", 1},
		{"group ends", "\x0C", 1},
		{"zeros", "\x00", 1},
		{"long varints", "\x80", 1},
		{"0xFF", "\xFF", 1},
		{"lengths past the end", "\x2A\xFF\xFF\xFF\x07", 5},
	};
	need_counting();
	struct body *body = malloc(sizeof *body);
	for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
		fill_from_json(body, specs[i]);
		measure(specs[i], body, false, false);
	}
	for (size_t i = 0; i < sizeof raw / sizeof *raw; i++) {
		fill_wire(body, raw[i].piece, raw[i].len);
		measure(raw[i].name, body, false, false);
		measure("  unknown fields ignored", body, false, true);
	}
	/* One list of 65,530 one-byte numbers: 8 bytes each in memory. */
	memcpy(body->data, "\x2A\xFC\xFF\x03\x5A\xF8\xFF\x03\x32\xF4\xFF\x03\x0A\xF0\xFF\x03", 16);
	memset(body->data + 16, 1, BODY_LEN - 16);
	body->len = BODY_LEN;
	measure("a packed list", body, false, false);
	free(body);
}

static void check_large(const char *text, size_t len, const char *told)
{
	struct error error = ERROR_NULL;
	ProtobufCMessage *message = NULL;
	size_t before = heap_in_use();
	heap_reset_peak();
	int64_t start = cpu_us();
	CHECK_INT(json_read(&pagecast__v1__job_spec__descriptor, text, len, NULL, &message, &error),
		  ==, ERROR_CODE_INVALID_ARGUMENT);
	printf("  %zu B heap, %" PRId64 " us: %s\n", heap_peak() - before, cpu_us() - start,
	       error_message(&error));
	CHECK_HAS(error_message(&error), told);
	CHECK_INT(heap_peak() - before, <=, 25 << 20);
	error_deinit(&error);
	CHECK_INT(heap_in_use(), ==, before);
}

TEST(json_of_4_mib_stays_below_25_mib)
{
	need_counting();
	size_t len = 4 << 20, at;
	char *text = malloc(len);
	for (at = (size_t)sprintf(text, "{\"streams\":[{}"); at < len - 5; at += 3)
		memcpy(text + at, ",{}", 3);
	at += (size_t)sprintf(text + at, "]}");
	check_large(text, at, "more than 262144 values");
	size_t spaced = (size_t)sprintf(text, "{\"streams\":[{}");
	memset(text + spaced, ' ', len - spaced);
	for (size_t i = 0; i < 260000; i++)
		memcpy(text + spaced + 3 * i, ",{}", 3);
	memcpy(text + len - 2, "]}", 2);
	check_large(text, len, "that would take more than 25165824 bytes of memory");
	free(text);
}

TEST(a_job_of_1024_plain_streams_is_taken)
{
	struct error error = ERROR_NULL;
	static char text[512 * 1024];
	ProtobufCMessage *message = NULL, *again = NULL;
	uint8_t *data = NULL;
	size_t len = 0, at = (size_t)sprintf(text, "{\"streams\":[");
	for (int i = 0; i < 1024; i++)
		at += (size_t)sprintf(
			text + at,
			"%s{\"udp\":{\"address\":\"198.18.0.2\",\"port\":%d},\"payloads\":[{"
			"\"text\":"
			"\"hello\"}],\"rate\":{\"pps\":100},\"limit\":{\"packets\":1000}}",
			i ? "," : "", 9000 + i);
	at += (size_t)sprintf(text + at, "]}");
	CHECK_INT(json_read(&pagecast__v1__job_spec__descriptor, text, at, NULL, &message, &error),
		  ==, 0);
	CHECK_INT(wire_write(message, &data, &len, &error), ==, 0);
	CHECK_INT(wire_read(message->descriptor, data, len, false, &again, &error), ==, 0);
	CHECK(messages_equal(message, again));
	printf("  %zu bytes of JSON, %zu on the wire\n", at, len);
	free(data);
	protobuf_c_message_free_unpacked(message, NULL);
	protobuf_c_message_free_unpacked(again, NULL);
}

TEST(a_list_of_1000_jobs_prints_quickly)
{
	struct messages_random random = {.state = 1};
	struct error error = ERROR_NULL;
	Pagecast__V1__ListJobsResponse list = PAGECAST__V1__LIST_JOBS_RESPONSE__INIT;
	Pagecast__V1__Job *jobs[1000];
	for (size_t i = 0; i < 1000; i++)
		jobs[i] = (Pagecast__V1__Job *)messages_random_new(&random,
								   &pagecast__v1__job__descriptor);
	list.n_jobs = 1000;
	list.jobs = jobs;
	char *text = NULL;
	size_t len = 0;
	int64_t start = cpu_us();
	CHECK_INT(json_write(&list.base, JSON_WITH_ZEROS, &text, &len, &error), ==, 0);
	printf("  %zu bytes in %" PRId64 " us\n", len, cpu_us() - start);
	CHECK_INT(len, >, 1000000);
	free(text);
	for (size_t i = 0; i < 1000; i++)
		protobuf_c_message_free_unpacked(&jobs[i]->base, NULL);
}

/* One way through the codecs, which must say so where memory ran out, and then hold none. */
static void check_short_of_memory(int (*way)(const ProtobufCMessage *message, struct error *error),
				  const ProtobufCMessage *message, bool for_ever)
{
	for (size_t passes = 0;; passes++) {
		struct error error = ERROR_NULL;
		size_t before = heap_in_use();
		heap_fail_at(passes, for_ever);
		int r = way(message, &error);
		bool failed = heap_failed();
		heap_fail_never();
		if (r && r != ERROR_CODE_INTERNAL)
			test_fail(__FILE__, __LINE__, "code %d, %s, at allocation %zu", r,
				  error_message(&error), passes);
		error_deinit(&error);
		CHECK_INT(heap_in_use(), ==, before);
		if (!failed) {
			CHECK_INT(r, ==, 0);
			CHECK_INT(passes, >, 0);
			return;
		}
	}
}

static char *spec_text;
static size_t spec_len;
static uint8_t *spec_data;
static size_t spec_data_len;

static int way_json_in(const ProtobufCMessage *message, struct error *error)
{
	ProtobufCMessage *back = NULL;
	int r = json_read(message->descriptor, spec_text, spec_len, NULL, &back, error);
	if (!r) {
		CHECK(messages_equal(message, back));
		protobuf_c_message_free_unpacked(back, NULL);
	}
	return r;
}

static int way_wire_in(const ProtobufCMessage *message, struct error *error)
{
	ProtobufCMessage *back = NULL;
	int r = wire_read(message->descriptor, spec_data, spec_data_len, false, &back, error);
	if (!r) {
		CHECK(messages_equal(message, back));
		protobuf_c_message_free_unpacked(back, NULL);
	}
	return r;
}

static int way_json_out(const ProtobufCMessage *message, struct error *error)
{
	char *text = NULL;
	size_t len;
	int r = json_write(message, JSON_CANONICAL, &text, &len, error);
	if (!r)
		CHECK_STR(text, spec_text);
	free(text);
	return r;
}

static int way_wire_out(const ProtobufCMessage *message, struct error *error)
{
	uint8_t *data = NULL;
	size_t len;
	int r = wire_write(message, &data, &len, error);
	if (!r)
		CHECK_INT(len, ==, spec_data_len);
	free(data);
	return r;
}

TEST(codecs_say_so_when_any_allocation_fails)
{
	struct messages_random random = {.state = 11};
	need_counting();
	for (int i = 0; i < 10; i++) {
		struct error error = ERROR_NULL;
		ProtobufCMessage *spec =
			messages_random_new(&random, &pagecast__v1__job_spec__descriptor);
		CHECK_INT(json_write(spec, JSON_CANONICAL, &spec_text, &spec_len, &error), ==, 0);
		CHECK_INT(wire_write(spec, &spec_data, &spec_data_len, &error), ==, 0);
		for (int for_ever = 0; for_ever < 2; for_ever++) {
			check_short_of_memory(way_json_in, spec, for_ever);
			check_short_of_memory(way_wire_in, spec, for_ever);
			check_short_of_memory(way_json_out, spec, for_ever);
			check_short_of_memory(way_wire_out, spec, for_ever);
		}
		free(spec_text);
		free(spec_data);
		protobuf_c_message_free_unpacked(spec, NULL);
	}
}

TEST_MAIN(CASE_APART(json_of_64_kib_stays_below_1_mib),
	  CASE_APART(protobuf_of_64_kib_stays_below_1_mib),
	  CASE_APART(json_of_4_mib_stays_below_25_mib), CASE(a_job_of_1024_plain_streams_is_taken),
	  CASE(a_list_of_1000_jobs_prints_quickly),
	  CASE_APART(codecs_say_so_when_any_allocation_fails))
