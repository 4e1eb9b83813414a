/* The compiler of specs: what the job itself says, several faults at once, defaults, memory. */
#include "plan_fixture.h"

TEST(plan_fills_in_the_defaults)
{
	struct fixture f;
	fixture_init(&f);
	const struct plan_stream *stream = fixture_good(&f);
	CHECK_INT(f.plan->stream_count, ==, 1);
	CHECK_INT(f.plan->engine, ==, PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_UNSPECIFIED);
	CHECK_INT(f.plan->layout, ==, PAGECAST__V1__PAGE_LAYOUT__PAGE_LAYOUT_PACKED);
	CHECK_INT(f.plan->when_full, ==, PAGECAST__V1__FULL_POLICY__FULL_POLICY_WAIT);
	CHECK_INT(f.plan->page_offset, ==, 0);
	CHECK_INT(f.plan->max_duration_ns, ==, 0);
	CHECK_INT(f.plan->start_time_ns, ==, 0);
	CHECK_INT(f.plan->start_tolerance_ns, ==, -1);
	CHECK_INT(f.plan->lease_ns, ==, 0);
	CHECK_INT(f.plan->priority, ==, 0);
	CHECK_INT(f.plan->bytes, ==, 5);
	CHECK_INT(stream->item_count, ==, 1);
	CHECK_INT(stream->items[0].len, ==, 5);
	CHECK_INT(stream->items[0].repeat, ==, 1);
	CHECK(!memcmp(fixture_bytes(stream, 0), "hello", 5));
	CHECK_INT(stream->rate.kind, ==, PLAN_RATE_UNLIMITED);
	CHECK_INT(stream->rate.layer, ==, PAGECAST__V1__LAYER__LAYER_L2);
	CHECK_INT(stream->limit.kind, ==, PLAN_LIMIT_PACKETS);
	CHECK_INT(stream->limit.packets, ==, 1);
	CHECK_INT(stream->burst.packets, ==, 0);
	CHECK_INT(stream->start_delay_ns, ==, 0);
	fixture_deinit(&f);
}

TEST(plan_takes_what_the_job_says)
{
	struct fixture f;
	fixture_init(&f);
	Google__Protobuf__Duration max = GOOGLE__PROTOBUF__DURATION__INIT, lease = max, late = max,
				   delay = max;
	max.seconds = 60;
	lease.seconds = 5;
	lease.nanos = 1;
	delay.nanos = 250000000;
	f.timestamp.seconds = 1700000000;
	f.timestamp.nanos = 7;
	f.spec.engine = PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_COPY;
	f.spec.page_layout = PAGECAST__V1__PAGE_LAYOUT__PAGE_LAYOUT_PAGE_PER_PACKET;
	f.spec.when_full = PAGECAST__V1__FULL_POLICY__FULL_POLICY_DROP;
	f.spec.restart_policy = PAGECAST__V1__RESTART_POLICY__RESTART_POLICY_RESUME;
	f.spec.priority = -100;
	f.spec.max_duration = &max;
	f.spec.lease = &lease;
	f.spec.start_time = &f.timestamp;
	f.spec.start_tolerance = &late;
	f.streams[0].start_delay = &delay;
	f.streams[0].name = (char *)"first";
	const struct plan_stream *stream = fixture_good(&f);
	CHECK_INT(f.plan->engine, ==, PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_COPY);
	CHECK_INT(f.plan->layout, ==, PAGECAST__V1__PAGE_LAYOUT__PAGE_LAYOUT_PAGE_PER_PACKET);
	CHECK_INT(f.plan->when_full, ==, PAGECAST__V1__FULL_POLICY__FULL_POLICY_DROP);
	CHECK_INT(f.plan->page_offset, ==, 64);
	CHECK_INT(f.plan->priority, ==, -100);
	CHECK_INT(f.plan->max_duration_ns, ==, INT64_C(60000000000));
	CHECK_INT(f.plan->lease_ns, ==, INT64_C(5000000001));
	CHECK_INT(f.plan->start_time_ns, ==, INT64_C(1700000000000000007));
	CHECK_INT(f.plan->start_tolerance_ns, ==, 0);
	CHECK_INT(stream->start_delay_ns, ==, 250000000);
	CHECK_STR(stream->name, "first");
	fixture_deinit(&f);
}

TEST(plan_tells_every_fault_at_once)
{
	struct fixture f;
	fixture_init(&f);
	f.spec.n_streams = 3;
	f.spec.priority = 101;
	f.spec.engine = 9;
	f.udp[0].port = 70000;
	f.streams[1].destination_case = PAGECAST__V1__STREAM__DESTINATION__NOT_SET;
	f.streams[2].payloads = f.payload_list;
	f.streams[2].n_payloads = 2;
	f.payloads[0].content_case = PAGECAST__V1__PAYLOAD__CONTENT_TEXT;
	fixture_hex(&f, 1, "de a");
	f.streams[2].rate = &f.rate;
	f.streams[2].limit = &f.limit;
	CHECK_INT(fixture_compile(&f), ==, ERROR_CODE_INVALID_ARGUMENT);
	CHECK_STR(fixture_fault(&f, "priority"), "101 is not between -100 and 100");
	CHECK_HAS(fixture_fault(&f, "engine"),
		  "9 is not one of ENGINE_KIND_SPLICE, ENGINE_KIND_TXRING");
	CHECK_STR(fixture_fault(&f, "streams[0].udp.port"), "70000 is not between 1 and 65535");
	CHECK_HAS(fixture_fault(&f, "streams[1]"), "one of udp, rawIp, ethernet");
	CHECK_HAS(fixture_fault(&f, "streams[2].payloads[1].hex"), "3 digits");
	CHECK_HAS(fixture_fault(&f, "streams[2].rate"), "one of pps, bps, linePercent, unlimited");
	CHECK_HAS(fixture_fault(&f, "streams[2].limit"), "one of packets, bytes");
	CHECK_INT(f.error.violation_count, ==, 7);
	CHECK(!f.plan);
	fixture_deinit(&f);
}

TEST(plan_counts_the_faults_that_it_does_not_list)
{
	enum { STREAMS = 1000 };
	static Pagecast__V1__Stream stream = PAGECAST__V1__STREAM__INIT;
	static Pagecast__V1__Stream *list[STREAMS];
	struct fixture f;
	fixture_init(&f);
	for (size_t i = 0; i < STREAMS; i++)
		list[i] = &stream;
	f.spec.streams = list;
	f.spec.n_streams = STREAMS;
	CHECK_INT(fixture_compile(&f), ==, ERROR_CODE_INVALID_ARGUMENT);
	CHECK_INT(f.error.violation_count, ==, ERROR_VIOLATIONS_MAX);
	CHECK_INT(f.error.violations_unlisted, ==, STREAMS - ERROR_VIOLATIONS_MAX);
	CHECK_HAS(error_message(&f.error), "(and 999 more)");
	fixture_deinit(&f);
}

TEST(plan_wants_1_to_1024_streams)
{
	static Pagecast__V1__Stream *list[PLAN_STREAMS_MAX + 1];
	struct fixture f;
	fixture_init(&f);
	f.spec.n_streams = 0;
	fixture_bad(&f, "streams", "0 streams: give 1 to 1024");
	for (size_t i = 0; i <= PLAN_STREAMS_MAX; i++)
		list[i] = &f.streams[0];
	f.spec.streams = list;
	f.spec.n_streams = PLAN_STREAMS_MAX + 1;
	fixture_bad(&f, "streams", "1025 streams");
	f.spec.n_streams = PLAN_STREAMS_MAX;
	fixture_good(&f);
	CHECK_INT(f.plan->stream_count, ==, PLAN_STREAMS_MAX);
	CHECK_INT(f.plan->bytes, ==, 5 * PLAN_STREAMS_MAX);
	CHECK(!memcmp(fixture_bytes(&f.plan->streams[1023], 0), "hello", 5));
	fixture_deinit(&f);
}

TEST(plan_of_no_spec_is_a_fault)
{
	struct plan *plan = NULL;
	_cleanup_error_ struct error error = ERROR_NULL;
	CHECK_INT(plan_compile(NULL, &plan, &error), ==, ERROR_CODE_INVALID_ARGUMENT);
	CHECK_HAS(error_message(&error), "spec");
}

TEST(plan_bounds_names)
{
	char name[PLAN_NAME_BYTES_MAX + 2];
	memset(name, 'n', sizeof name);
	name[PLAN_NAME_BYTES_MAX] = 0;
	struct fixture f;
	fixture_init(&f);
	f.spec.name = name;
	f.streams[0].name = name;
	CHECK_STR(fixture_good(&f)->name, name);
	name[PLAN_NAME_BYTES_MAX] = 'n';
	name[PLAN_NAME_BYTES_MAX + 1] = 0;
	f.streams[0].name = (char *)"";
	fixture_bad(&f, "name", "129 bytes, more than 128");
	f.spec.name = (char *)"";
	f.streams[0].name = name;
	fixture_bad(&f, "streams[0].name", "129 bytes, more than 128");
	fixture_deinit(&f);
}

TEST(plan_wants_streams_told_apart_by_name)
{
	struct fixture f;
	fixture_init(&f);
	f.spec.n_streams = 3;
	fixture_good(&f); /* no names: nothing to confuse */
	f.streams[0].name = (char *)"a";
	f.streams[1].name = (char *)"b";
	f.streams[2].name = (char *)"a";
	fixture_bad(&f, "streams[2].name", "\"a\" is the name of streams[0] too");
	fixture_deinit(&f);
}

TEST(plan_checks_labels)
{
	static Pagecast__V1__Label labels[PLAN_LABELS_MAX + 1], *list[PLAN_LABELS_MAX + 1];
	static char keys[PLAN_LABELS_MAX + 1][16];
	struct fixture f;
	fixture_init(&f);
	for (int i = 0; i <= PLAN_LABELS_MAX; i++) {
		snprintf(keys[i], sizeof keys[i], "k%d", i);
		labels[i] = (Pagecast__V1__Label)PAGECAST__V1__LABEL__INIT;
		labels[i].key = keys[i];
		labels[i].value = (char *)"any value, even empty, also ü";
		list[i] = &labels[i];
	}
	f.spec.labels = list;
	f.spec.n_labels = PLAN_LABELS_MAX;
	fixture_good(&f);
	f.spec.n_labels = PLAN_LABELS_MAX + 1;
	fixture_bad(&f, "labels", "65 labels, more than the maximum of 64");
	f.spec.n_labels = 3;
	strcpy(keys[2], "k0");
	fixture_bad(&f, "labels[2].key", "\"k0\" is the key of labels[0] too");
	strcpy(keys[2], "a=b");
	fixture_bad(&f, "labels[2].key", "\"a=b\" may only have");
	strcpy(keys[2], "");
	fixture_bad(&f, "labels[2].key", "\"\" may only have");
	strcpy(keys[2], "k2");
	char value[PLAN_LABEL_VALUE_BYTES_MAX + 2] = "";
	memset(value, 'v', PLAN_LABEL_VALUE_BYTES_MAX + 1);
	labels[1].value = value;
	fixture_bad(&f, "labels[1].value", "256 bytes, more than 255");
	fixture_deinit(&f);
}

TEST(plan_checks_each_choice)
{
	struct fixture f;
	fixture_init(&f);
	f.spec.engine = -1;
	fixture_bad(&f, "engine", "-1 is not one of");
	f.spec.engine = 0;
	f.spec.page_layout = 3;
	fixture_bad(&f, "pageLayout",
		    "3 is not one of PAGE_LAYOUT_PACKED, PAGE_LAYOUT_PAGE_PER_PACKET");
	f.spec.page_layout = 0;
	f.spec.restart_policy = 3;
	fixture_bad(&f, "restartPolicy", "RESTART_POLICY_INTERRUPT");
	f.spec.restart_policy = 0;
	f.spec.when_full = 99;
	fixture_bad(&f, "whenFull", "99 is not one of FULL_POLICY_WAIT, FULL_POLICY_DROP");
	fixture_deinit(&f);
}

TEST(plan_checks_page_offset)
{
	struct fixture f;
	fixture_init(&f);
	f.spec.page_offset = 64;
	fixture_bad(&f, "pageOffset", "64, but only pageLayout PAGE_PER_PACKET has one");
	f.spec.page_layout = PAGECAST__V1__PAGE_LAYOUT__PAGE_LAYOUT_PAGE_PER_PACKET;
	fixture_good(&f);
	f.spec.page_offset = 4096;
	fixture_bad(&f, "pageOffset", "4096 is not between 1 and 4095");
	f.spec.page_offset = 4091; /* "hello" just fits */
	fixture_good(&f);
	CHECK_INT(f.plan->page_offset, ==, 4091);
	f.spec.page_offset = 4092;
	fixture_bad(&f, "streams[0].payloads[0]",
		    "5 bytes do not fit a page: PAGE_PER_PACKET leaves 4");
	f.streams[0].size = &f.size;
	f.size.kind_case = PAGECAST__V1__SIZE__KIND_FIXED;
	f.size.fixed = 4;
	fixture_good(&f);
	f.size.fixed = 5;
	fixture_bad(&f, "streams[0].size.fixed", "do not fit a page");
	fixture_deinit(&f);
}

TEST(plan_checks_durations)
{
	struct fixture f;
	fixture_init(&f);
	f.spec.max_duration = &f.duration;
	fixture_bad(&f, "maxDuration", "0 s is not between 0.000000001 s and 3153600000 s");
	f.duration.seconds = -2;
	f.duration.nanos = -500000000;
	fixture_bad(&f, "maxDuration", "-2.5 s is not between");
	f.duration.nanos = 1;
	fixture_bad(&f, "maxDuration", "seconds -2 and nanos 1 differ in sign");
	f.duration.nanos = 1000000000;
	fixture_bad(&f, "maxDuration", "nanos 1000000000 are not between");
	f.duration.nanos = INT32_MIN;
	fixture_bad(&f, "maxDuration", "nanos -2147483648 are not between");
	f.duration.nanos = 0;
	f.duration.seconds = INT64_MAX;
	fixture_bad(&f, "maxDuration", "9223372036854775807 s is not between");
	f.duration.seconds = INT64_MIN;
	fixture_bad(&f, "maxDuration", "-9223372036854775808 s is not between");
	f.duration.seconds = INT64_C(-315360000000); /* the longest there are; in ns beyond int64 */
	fixture_bad(&f, "maxDuration", "-315360000000 s is not between");
	f.duration.seconds = INT64_C(3153600000); /* 100 years: two, and a clock, fit int64 */
	f.duration.nanos = 1;
	fixture_bad(&f, "maxDuration", "3153600000.000000001 s is not between");
	f.duration.nanos = 0;
	fixture_good(&f);
	CHECK_INT(f.plan->max_duration_ns, ==, INT64_C(3153600000000000000));
	f.spec.max_duration = NULL;
	f.spec.lease = &f.duration;
	f.duration = (Google__Protobuf__Duration)GOOGLE__PROTOBUF__DURATION__INIT;
	fixture_bad(&f, "lease", "0 s is not between");
	f.spec.lease = NULL;
	f.streams[0].start_delay = &f.duration;
	fixture_good(&f); /* no delay, said aloud */
	f.duration.nanos = -1;
	fixture_bad(&f, "streams[0].startDelay", "-0.000000001 s is not between 0 s and");
	fixture_deinit(&f);
}

TEST(plan_checks_start_time)
{
	struct fixture f;
	fixture_init(&f);
	f.spec.start_time = &f.timestamp;
	fixture_good(&f);
	CHECK_INT(f.plan->start_time_ns, ==, 1); /* 1970: long past, but not "none" */
	f.timestamp.nanos = -1;
	fixture_bad(&f, "startTime", "nanos -1 are not between 0 and 999999999");
	f.timestamp.nanos = 0;
	f.timestamp.seconds = -1;
	fixture_bad(&f, "startTime", "-1 s since 1970");
	f.timestamp.seconds = INT64_C(253402300799); /* 9999-12-31: valid in the proto, not in ns */
	fixture_bad(&f, "startTime", "2262-04-11");
	f.spec.start_time = NULL;
	f.spec.start_tolerance = &f.duration;
	fixture_bad(&f, "startTolerance", "needs startTime");
	fixture_deinit(&f);
}

TEST(plan_refuses_by_name_what_is_not_offered)
{
	static Pagecast__V1__PcapReplay pcap = PAGECAST__V1__PCAP_REPLAY__INIT;
	static const char SENTENCE[] = "not offered by this version of the agent";
	struct fixture f;
	fixture_init(&f);
	f.payloads[0].content_case = PAGECAST__V1__PAYLOAD__CONTENT_PCAP;
	f.payloads[0].pcap = &pcap;
	fixture_bad(&f, "streams[0].payloads[0].pcap", SENTENCE);
	f.payloads[0].content_case = PAGECAST__V1__PAYLOAD__CONTENT_PAYLOAD_ID;
	f.payloads[0].payload_id = (char *)"00";
	fixture_bad(&f, "streams[0].payloads[0].payloadId", SENTENCE);
	fixture_text(&f, 0, "hello");
	fixture_deinit(&f);
}

TEST(plan_counts_payload_memory_before_taking_it)
{
	enum { PAYLOADS = 5000 }; /* of 65507 bytes: 312 MiB */
	static Pagecast__V1__Payload *list[PAYLOADS];
	struct fixture f;
	fixture_init(&f);
	f.payloads[0].content_case = PAGECAST__V1__PAYLOAD__CONTENT_RANDOM;
	f.payloads[0].random = &f.random;
	f.random.length = PLAN_UDP4_PAYLOAD_MAX;
	for (size_t i = 0; i < PAYLOADS; i++)
		list[i] = &f.payloads[0];
	f.streams[0].payloads = list;
	f.streams[0].n_payloads = PAYLOADS;
	fixture_bad(&f, "streams[0].payloads",
		    "327535000 bytes of payload up to this stream, more than the maximum of");
	/* Two streams of which each alone would do: the second is told. */
	f.spec.n_streams = 2;
	f.streams[0].n_payloads = f.streams[1].n_payloads = 2500;
	f.streams[1].payloads = list;
	fixture_bad(&f, "streams[1].payloads", "more than the maximum of 268435456");
	fixture_deinit(&f);
}

TEST(plan_bounds_the_number_of_payloads)
{
	static Pagecast__V1__Payload *list[PLAN_PAYLOADS_MAX + 1];
	struct fixture f;
	fixture_init(&f);
	fixture_text(&f, 0, "");
	for (size_t i = 0; i <= PLAN_PAYLOADS_MAX; i++)
		list[i] = &f.payloads[0];
	f.streams[0].payloads = list;
	f.streams[0].n_payloads = PLAN_PAYLOADS_MAX + 1;
	fixture_bad(&f, "streams[0].payloads",
		    "65537 payloads up to this stream, more than the maximum of 65536");
	f.streams[0].n_payloads = PLAN_PAYLOADS_MAX;
	fixture_good(&f);
	CHECK_INT(f.plan->streams[0].pass_packets, ==, PLAN_PAYLOADS_MAX);
	fixture_deinit(&f);
}

TEST(plan_repeat_costs_no_memory)
{
	struct fixture f;
	fixture_init(&f);
	f.payloads[0].repeat = UINT32_MAX;
	const struct plan_stream *stream = fixture_good(&f);
	CHECK_INT(f.plan->bytes, ==, 5);
	CHECK_INT(stream->pass_packets, ==, UINT32_MAX);
	CHECK_INT(stream->pass_bytes, ==, 5 * (uint64_t)UINT32_MAX);
	CHECK_INT(stream->limit.packets, ==, UINT32_MAX);
	fixture_deinit(&f);
}

TEST(plan_outline_has_lengths_without_bytes)
{
	struct fixture f;
	fixture_init(&f);
	struct plan *outline = NULL;
	CHECK_INT(plan_outline(&f.spec, &outline, &f.error), ==, 0);
	CHECK_INT(outline->streams[0].items[0].len, ==, 5);
	CHECK(!fixture_bytes(&outline->streams[0], 0));
	uint8_t head[8];
	CHECK_INT(plan_item_head(&outline->streams[0], &outline->streams[0].items[0], head, 4), ==,
		  4);
	CHECK(!memcmp(head, "hell", 4));
	CHECK_INT(outline->streams[0].limit.packets, ==, 1);
	CHECK_STR(outline->streams[0].destination.text, "127.0.0.1:9000");
	plan_free(outline);
	outline = NULL;
	f.udp[0].port = 0;
	CHECK_INT(plan_outline(&f.spec, &outline, &f.error), ==, ERROR_CODE_INVALID_ARGUMENT);
	CHECK(!outline);
	fixture_deinit(&f);
}

TEST(plan_writes_bytes_when_they_are_asked_for_and_once)
{
	struct fixture f;
	fixture_init(&f);
	Pagecast__V1__RandomBytes random = PAGECAST__V1__RANDOM_BYTES__INIT;
	random.length = 60000;
	random.seed = 7;
	f.payloads[1].content_case = PAGECAST__V1__PAYLOAD__CONTENT_RANDOM;
	f.payloads[1].random = &random;
	f.streams[0].n_payloads = 2;
	const struct plan_stream *stream = fixture_good(&f);
	CHECK_INT(f.plan->bytes, ==, 60005);
	CHECK_INT(f.plan->memory_used, ==, 0);
	uint8_t head[16];
	CHECK_INT(plan_item_head(stream, &stream->items[1], head, sizeof head), ==, 16);
	CHECK_INT(f.plan->memory_used, ==, 0);
	const uint8_t *bytes = fixture_bytes(stream, 1);
	CHECK(!memcmp(bytes, head, sizeof head));
	CHECK_INT(f.plan->memory_used, ==, 60000);
	CHECK(fixture_bytes(stream, 1) == bytes);
	CHECK(!memcmp(fixture_bytes(stream, 0), "hello", 5));
	CHECK_INT(f.plan->memory_used, ==, 60005);
	fixture_deinit(&f);
}

TEST(plan_free_takes_null)
{
	CHECK(!plan_free(NULL));
}

TEST_MAIN(CASE(plan_fills_in_the_defaults), CASE(plan_takes_what_the_job_says),
	  CASE(plan_tells_every_fault_at_once), CASE(plan_counts_the_faults_that_it_does_not_list),
	  CASE(plan_wants_1_to_1024_streams), CASE(plan_of_no_spec_is_a_fault),
	  CASE(plan_bounds_names), CASE(plan_wants_streams_told_apart_by_name),
	  CASE(plan_checks_labels), CASE(plan_checks_each_choice), CASE(plan_checks_page_offset),
	  CASE(plan_checks_durations), CASE(plan_checks_start_time),
	  CASE(plan_refuses_by_name_what_is_not_offered),
	  CASE(plan_counts_payload_memory_before_taking_it),
	  CASE(plan_bounds_the_number_of_payloads), CASE(plan_repeat_costs_no_memory),
	  CASE(plan_outline_has_lengths_without_bytes),
	  CASE(plan_writes_bytes_when_they_are_asked_for_and_once), CASE(plan_free_takes_null))
