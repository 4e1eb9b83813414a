/*
 * plan_fixture: a spec that is right (one stream of one datagram "hello" to 127.0.0.1:9000), for
 * tests to change in one place and compile.
 */
#pragma once
#include "lib/test.h"
#include "packet/plan_bytes.h"
#include "packet/plan_compile.h"
#include "pagecast/error.h"

#include <arpa/inet.h>

enum { FIXTURE_PARTS = 4 };

struct fixture {
	Pagecast__V1__JobSpec spec;
	Pagecast__V1__Stream streams[FIXTURE_PARTS], *stream_list[FIXTURE_PARTS];
	Pagecast__V1__UdpDestination udp[FIXTURE_PARTS];
	Pagecast__V1__RawIpDestination raw;
	Pagecast__V1__EthernetDestination ethernet;
	Pagecast__V1__FrameHeader header;
	Pagecast__V1__Payload payloads[FIXTURE_PARTS], *payload_list[FIXTURE_PARTS];
	Pagecast__V1__Pattern pattern;
	Pagecast__V1__RandomBytes random;
	Pagecast__V1__Size size;
	Pagecast__V1__Rate rate;
	Pagecast__V1__Limit limit;
	Pagecast__V1__Burst burst;
	Google__Protobuf__Duration duration;
	Google__Protobuf__Timestamp timestamp;
	struct plan *plan;
	struct error error;
};

static inline void fixture_text(struct fixture *f, size_t i, const char *text)
{
	f->payloads[i].content_case = PAGECAST__V1__PAYLOAD__CONTENT_TEXT;
	f->payloads[i].text = (char *)text;
}

static inline void fixture_hex(struct fixture *f, size_t i, const char *hex)
{
	f->payloads[i].content_case = PAGECAST__V1__PAYLOAD__CONTENT_HEX;
	f->payloads[i].hex = (char *)hex;
}

static inline void fixture_init(struct fixture *f)
{
	*f = (struct fixture){
		.spec = PAGECAST__V1__JOB_SPEC__INIT,
		.raw = PAGECAST__V1__RAW_IP_DESTINATION__INIT,
		.ethernet = PAGECAST__V1__ETHERNET_DESTINATION__INIT,
		.header = PAGECAST__V1__FRAME_HEADER__INIT,
		.pattern = PAGECAST__V1__PATTERN__INIT,
		.random = PAGECAST__V1__RANDOM_BYTES__INIT,
		.size = PAGECAST__V1__SIZE__INIT,
		.rate = PAGECAST__V1__RATE__INIT,
		.limit = PAGECAST__V1__LIMIT__INIT,
		.burst = PAGECAST__V1__BURST__INIT,
		.duration = GOOGLE__PROTOBUF__DURATION__INIT,
		.timestamp = GOOGLE__PROTOBUF__TIMESTAMP__INIT,
	};
	for (size_t i = 0; i < FIXTURE_PARTS; i++) {
		f->streams[i] = (Pagecast__V1__Stream)PAGECAST__V1__STREAM__INIT;
		f->udp[i] = (Pagecast__V1__UdpDestination)PAGECAST__V1__UDP_DESTINATION__INIT;
		f->payloads[i] = (Pagecast__V1__Payload)PAGECAST__V1__PAYLOAD__INIT;
		f->stream_list[i] = &f->streams[i];
		f->payload_list[i] = &f->payloads[i];
		f->udp[i].address = (char *)"127.0.0.1";
		f->udp[i].port = 9000;
		f->streams[i].destination_case = PAGECAST__V1__STREAM__DESTINATION_UDP;
		f->streams[i].udp = &f->udp[i];
		fixture_text(f, i, "hello");
	}
	f->spec.streams = f->stream_list;
	f->spec.n_streams = 1;
	f->streams[0].payloads = f->payload_list;
	f->streams[0].n_payloads = 1;
}

/* The first stream's datagrams as frames out of lo, with a header that is built. */
static inline void fixture_frame(struct fixture *f)
{
	f->streams[0].destination_case = PAGECAST__V1__STREAM__DESTINATION_ETHERNET;
	f->streams[0].ethernet = &f->ethernet;
	f->ethernet.interface = (char *)"lo";
	f->ethernet.header = &f->header;
	f->header.destination_mac = (char *)"02:00:00:00:00:0a";
	f->header.source_mac = (char *)"02-00-00-00-00-0B";
	f->header.source_address = (char *)"198.18.0.1";
	f->header.destination_address = (char *)"198.18.0.2";
	f->header.destination_port = 9000;
}

static inline void fixture_deinit(struct fixture *f)
{
	f->plan = plan_free(f->plan);
	error_deinit(&f->error);
}

/* Compile anew; what the last one left is freed. */
static inline int fixture_compile(struct fixture *f)
{
	fixture_deinit(f);
	f->error = ERROR_NULL;
	return plan_compile(&f->spec, &f->plan, &f->error);
}

/* Compile; a refusal ends the test with its message. Return: the first stream */
static inline const struct plan_stream *fixture_good(struct fixture *f)
{
	if (fixture_compile(f))
		test_fail(__FILE__, __LINE__, "refused: %s", error_message(&f->error));
	return &f->plan->streams[0];
}

static inline const uint8_t *fixture_bytes(const struct plan_stream *stream, size_t item)
{
	return plan_item_bytes(stream, &stream->items[item]);
}

/* Compile; return: the first item, its bytes written */
static inline const struct plan_item *fixture_written(struct fixture *f)
{
	const struct plan_stream *stream = fixture_good(f);
	fixture_bytes(stream, 0);
	return &stream->items[0];
}

static inline const char *fixture_fault(const struct fixture *f, const char *field)
{
	for (size_t i = 0; i < f->error.violation_count; i++)
		if (!strcmp(f->error.violations[i].field, field))
			return f->error.violations[i].description;
	return NULL;
}

/* One fault, of @field, whose description has @part; checking alone says the same. */
static inline void fixture_bad(struct fixture *f, const char *field, const char *part)
{
	if (!fixture_compile(f))
		test_fail(__FILE__, __LINE__, "%s: not refused (%s)", field, part);
	CHECK(!f->plan);
	CHECK_STR(f->error.violations[0].field, field);
	CHECK_HAS(f->error.violations[0].description, part);
	CHECK_INT(f->error.violation_count, ==, 1);
	_cleanup_error_ struct error error = ERROR_NULL;
	CHECK_INT(plan_compile(&f->spec, NULL, &error), ==, f->error.code);
	CHECK_STR(error_message(&error), error_message(&f->error));
}
