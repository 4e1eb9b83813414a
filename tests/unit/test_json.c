/* Proto3 JSON in and out of the schema's messages: what is taken, what is refused, and how it is
 * told. */
#include "api/codec/json_check.h"
#include "api/codec/json_read.h"
#include "api/codec/json_write.h"

#include "api/codec/json_buffer.h"
#include "every_type.pb-c.h"
#include "lib/test.h"
#include "pagecast/v1/agent_service.pb-c.h"
#include "pagecast/v1/transmit_service.pb-c.h"

#define SPEC  (&pagecast__v1__job_spec__descriptor)
#define EVERY (&pagecast__test__every_type__descriptor)

static Pagecast__V1__JobSpec *read_spec(const char *text)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	ProtobufCMessage *message = NULL;
	if (json_read(SPEC, text, strlen(text), NULL, &message, &error))
		test_fail(__FILE__, __LINE__, "%s: %s", text, error_message(&error));
	return (Pagecast__V1__JobSpec *)message;
}

static void free_spec(Pagecast__V1__JobSpec *spec)
{
	protobuf_c_message_free_unpacked(&spec->base, NULL);
}

TEST(json_reads_the_first_job_of_the_manual)
{
	Pagecast__V1__JobSpec *spec = read_spec(
		"{\"streams\":[{\"udp\":{\"address\":\"127.0.0.1\",\"port\":9000},\"payloads\":[{"
		"\"text\":\"hello\"}],\"rate\":{\"pps\":100},\"limit\":{\"packets\":1000}}]}");
	CHECK_INT(spec->n_streams, ==, 1);
	const Pagecast__V1__Stream *stream = spec->streams[0];
	CHECK_INT(stream->destination_case, ==, PAGECAST__V1__STREAM__DESTINATION_UDP);
	CHECK_STR(stream->udp->address, "127.0.0.1");
	CHECK_INT(stream->udp->port, ==, 9000);
	CHECK_STR(stream->payloads[0]->text, "hello");
	CHECK(stream->rate->pps == 100);
	CHECK_INT(stream->limit->packets, ==, 1000);
	free_spec(spec);
}

TEST(json_tells_all_faults_at_once_with_their_paths)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	ProtobufCMessage *message = NULL;
	const char *text = "{\"nam\":\"x\",\"streams\":[{\"udp\":{\"port\":-1},\"limt\":{}},"
			   "{\"udp\":{},\"rawIp\":{}}],\"engine\":\"FAST\"}";
	CHECK_INT(json_read(SPEC, text, strlen(text), NULL, &message, &error), ==,
		  ERROR_CODE_INVALID_ARGUMENT);
	CHECK_INT(error.violation_count, ==, 5);
	CHECK_STR(error.violations[0].field, "nam");
	CHECK_STR(error.violations[0].description, "unknown field \"nam\"; did you mean \"name\"?");
	CHECK_STR(error.violations[1].field, "streams[0].udp.port");
	CHECK_STR(error.violations[1].description, "-1 is not a whole number, 0 to 4294967295");
	CHECK_STR(error.violations[2].field, "streams[0].limt");
	CHECK_STR(error.violations[2].description,
		  "unknown field \"limt\"; did you mean \"limit\"?");
	CHECK_STR(error.violations[3].field, "streams[1].rawIp");
	CHECK_STR(error.violations[3].description,
		  "cannot be combined with udp; give one of the two");
	CHECK_STR(error.violations[4].description, "\"FAST\" is not a value of EngineKind; those "
						   "are SPLICE, TXRING, COPY, ZEROCOPY, URING");
}

/* The spec as those meet it who look for further faults. */
static void judge_half_read(void *context, const ProtobufCMessage *message, struct error *error)
{
	const Pagecast__V1__JobSpec *spec = (const Pagecast__V1__JobSpec *)message;
	const Pagecast__V1__Stream *second = spec->streams[1], *third = spec->streams[2];
	*(bool *)context = true;
	CHECK_INT(error->violation_count, ==, 6);
	CHECK_INT(spec->n_streams, ==, 3);
	CHECK_INT(spec->streams[0]->n_payloads, ==, 0);
	CHECK_INT(second->destination_case, ==, PAGECAST__V1__STREAM__DESTINATION_UDP);
	CHECK_STR(second->udp->address, "");
	CHECK_INT(second->n_payloads, ==, 3);
	CHECK_STR(second->payloads[0]->text, "");
	CHECK_INT(second->payloads[1]->content_case, ==, PAGECAST__V1__PAYLOAD__CONTENT__NOT_SET);
	CHECK_INT(second->payloads[2]->pattern->length, ==, 0);
	CHECK_INT(third->ethernet->header->n_vlans, ==, 1);
	CHECK_INT(third->ethernet->header->vlans[0]->id, ==, 0);
}

TEST(json_leaves_no_holes_where_it_could_not_read)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	ProtobufCMessage *message = NULL;
	bool judged = false;
	struct json_read_options options = {.judge = judge_half_read, .judge_context = &judged};
	const char *text = "{\"streams\":[5,{\"udp\":true,\"payloads\":[{\"text\":5},\"x\","
			   "{\"pattern\":[]}]},{\"ethernet\":{\"header\":{\"vlans\":[7]}}}]}";
	CHECK_INT(json_read(SPEC, text, strlen(text), &options, &message, &error), ==,
		  ERROR_CODE_INVALID_ARGUMENT);
	CHECK(judged);
	CHECK(!message);
}

TEST(json_prints_both_styles)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	Pagecast__V1__Account account = PAGECAST__V1__ACCOUNT__INIT;
	account.packets_sent = UINT64_MAX;
	char *text;
	size_t len;
	CHECK_INT(json_write(&account.base, JSON_CANONICAL, &text, &len, &error), ==, 0);
	CHECK_STR(text, "{\"packetsSent\":\"18446744073709551615\"}");
	CHECK_INT(len, ==, strlen(text));
	free(text);
	CHECK_INT(json_write(&account.base, JSON_WITH_ZEROS, &text, &len, &error), ==, 0);
	CHECK_STR(text,
		  "{\"packetsRequested\":\"0\",\"packetsSent\":\"18446744073709551615\","
		  "\"packetsDropped\":\"0\",\"packetsFailed\":\"0\",\"packetsCancelled\":\"0\","
		  "\"bytesSent\":\"0\",\"syscalls\":\"0\",\"pages\":\"0\",\"balanced\":false}");
	free(text);
}

/* ---- proto3 JSON, field kind by field kind ---- */

static Pagecast__Test__EveryType *read_every(const char *text)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	ProtobufCMessage *message = NULL;
	if (json_read(EVERY, text, strlen(text), NULL, &message, &error))
		test_fail(__FILE__, __LINE__, "%s: %s", text, error_message(&error));
	return (Pagecast__Test__EveryType *)message;
}

/* What is read is printed again, canonically. */
struct pair {
	const char *in, *out; /* NULL: as it came */
};

static const struct pair PAIRS[] = {
	{"{}", NULL},
	{" { } ", "{}"},
	/* integers: numbers, strings, exponents, fractions of zero */
	{"{\"aInt32\":-2147483648}", NULL},
	{"{\"aInt32\":\"2147483647\"}", "{\"aInt32\":2147483647}"},
	{"{\"a_int32\":1e5}", "{\"aInt32\":100000}"},
	{"{\"aInt32\":\"1e5\"}", "{\"aInt32\":100000}"},
	{"{\"aInt32\":1.0}", "{\"aInt32\":1}"},
	{"{\"aInt32\":-0}", "{}"},
	{"{\"aSint32\":-1,\"aSfixed32\":-2}", NULL},
	{"{\"aUint32\":4294967295,\"aFixed32\":1}", NULL},
	{"{\"aInt64\":-9223372036854775808}", "{\"aInt64\":\"-9223372036854775808\"}"},
	{"{\"aInt64\":\"9223372036854775807\"}", NULL},
	{"{\"aUint64\":18446744073709551615}", "{\"aUint64\":\"18446744073709551615\"}"},
	{"{\"aUint64\":9007199254740993}", "{\"aUint64\":\"9007199254740993\"}"},
	{"{\"aFixed64\":\"1.8446744073709551615E+19\"}", "{\"aFixed64\":\"18446744073709551615\"}"},
	{"{\"listSint64\":[1,\"-2\",3e0]}", "{\"listSint64\":[\"1\",\"-2\",\"3\"]}"},
	/* floating point */
	{"{\"aDouble\":0.1}", NULL},
	{"{\"aDouble\":\"0.1\"}", "{\"aDouble\":0.1}"},
	{"{\"aDouble\":\"NaN\"}", NULL},
	{"{\"aDouble\":\"Infinity\"}", NULL},
	{"{\"aDouble\":\"-Infinity\"}", NULL},
	{"{\"aDouble\":1.7976931348623157e308}", "{\"aDouble\":1.7976931348623157e+308}"},
	{"{\"aDouble\":1e-400}", "{}"},
	{"{\"aFloat\":0.1}", NULL},
	{"{\"aFloat\":3.4028234663852886e38}", "{\"aFloat\":3.4028235e+38}"},
	{"{\"listFloat\":[1,2.5,\"-Infinity\"]}", NULL},
	/* booleans, enums */
	{"{\"aBool\":true}", NULL},
	{"{\"aBool\":false}", "{}"},
	{"{\"aColour\":\"COLOUR_DARK_GREEN\"}", NULL},
	{"{\"aColour\":\"DARK_GREEN\"}", "{\"aColour\":\"COLOUR_DARK_GREEN\"}"},
	{"{\"aColour\":\"dark_green\"}", "{\"aColour\":\"COLOUR_DARK_GREEN\"}"},
	{"{\"aColour\":7}", "{\"aColour\":\"COLOUR_DARK_GREEN\"}"},
	{"{\"aColour\":-3.0}", "{\"aColour\":\"COLOUR_BELOW\"}"},
	{"{\"aColour\":\"UNSPECIFIED\"}", "{}"},
	{"{\"listColour\":[\"RED\",0]}",
	 "{\"listColour\":[\"COLOUR_RED\",\"COLOUR_UNSPECIFIED\"]}"},
	/* strings */
	{"{\"aString\":\"\\u00e9\\uD834\\uDD1E\\/\\n\"}",
	 "{\"aString\":\"\xC3\xA9\xF0\x9D\x84\x9E/\\n\"}"},
	{"{\"aString\":\"\\u0001\\\"\\\\\"}", NULL},
	{"{\"aString\":\"\"}", "{}"},
	{"{\"\\u0061String\":\"x\"}", "{\"aString\":\"x\"}"},
	{"{\"listString\":[\"\",\"a\"]}", NULL},
	/* bytes: four spellings */
	{"{\"aBytes\":\"-_8\"}", "{\"aBytes\":\"+/8=\"}"},
	{"{\"aBytes\":\"+/8\"}", "{\"aBytes\":\"+/8=\"}"},
	{"{\"aBytes\":\"-_8=\"}", "{\"aBytes\":\"+/8=\"}"},
	{"{\"aBytes\":\"AA\\u003d=\"}", "{\"aBytes\":\"AA==\"}"},
	{"{\"listBytes\":[\"\",\"AA==\"]}", NULL},
	/* times */
	{"{\"time\":\"2026-01-31T13:00:00+01:00\"}", "{\"time\":\"2026-01-31T12:00:00Z\"}"},
	{"{\"time\":\"1970-01-01T00:00:00Z\"}", NULL},
	{"{\"duration\":\"0s\"}", NULL},
	{"{\"durations\":[\"-1.5s\",\"3s\"]}", "{\"durations\":[\"-1.500s\",\"3s\"]}"},
	/* null is absent */
	{"{\"aInt32\":null,\"aString\":null,\"aBytes\":null,\"listInt32\":null,\"child\":null,"
	 "\"time\":null,\"aColour\":null,\"oneString\":null}",
	 "{}"},
	{"{\"oneString\":null,\"oneDouble\":1}", "{\"oneDouble\":1}"},
	/* presence: an empty sub-message, an empty oneof member, no empty list */
	{"{\"child\":{}}", NULL},
	{"{\"oneString\":\"\"}", NULL},
	{"{\"oneBytes\":\"\"}", NULL},
	{"{\"oneDouble\":0}", NULL},
	{"{\"oneBool\":false}", NULL},
	{"{\"oneUint64\":0}", "{\"oneUint64\":\"0\"}"},
	{"{\"oneColour\":\"COLOUR_UNSPECIFIED\"}", NULL},
	{"{\"oneChild\":{\"oneChild\":{}}}", NULL},
	{"{\"children\":[]}", "{}"},
	{"{\"children\":[{},{\"aInt32\":1}]}", NULL},
};

TEST(json_reads_every_kind_of_field_and_prints_it_canonically)
{
	for (size_t i = 0; i < sizeof PAIRS / sizeof *PAIRS; i++) {
		_cleanup_error_ struct error error = ERROR_NULL;
		Pagecast__Test__EveryType *message = read_every(PAIRS[i].in);
		char *text = NULL;
		size_t len;
		CHECK_INT(json_write(&message->base, JSON_CANONICAL, &text, &len, &error), ==, 0);
		CHECK_STR(text, PAIRS[i].out ? PAIRS[i].out : PAIRS[i].in);
		free(text);
		protobuf_c_message_free_unpacked(&message->base, NULL);
	}
}

struct bad {
	const char *text;
	const char *told; /* the whole message */
};

#define INT32_WORDS  "is not a whole number, -2147483648 to 2147483647"
#define UINT32_WORDS "is not a whole number, 0 to 4294967295"
#define UINT64_WORDS "is not a whole number, 0 to 18446744073709551615"

static const struct bad BAD[] = {
	{"[]", "a list where an object {…} of type EveryType is expected"},
	{"null", "null where an object {…} of type EveryType is expected"},
	{"\"x\"", "a string where an object {…} of type EveryType is expected"},
	{"{\"aInt32\":2147483648}", "aInt32: 2147483648 " INT32_WORDS},
	{"{\"aInt32\":1.5}", "aInt32: 1.5 " INT32_WORDS},
	{"{\"aInt32\":\"1.5\"}", "aInt32: \"1.5\" " INT32_WORDS},
	{"{\"aInt32\":\"\"}", "aInt32: \"\" " INT32_WORDS},
	{"{\"aInt32\":\" 1\"}", "aInt32: \" 1\" " INT32_WORDS},
	{"{\"aInt32\":\"1 \"}", "aInt32: \"1 \" " INT32_WORDS},
	{"{\"aInt32\":\"01\"}", "aInt32: \"01\" " INT32_WORDS},
	{"{\"aInt32\":\"+1\"}", "aInt32: \"+1\" " INT32_WORDS},
	{"{\"aInt32\":\"0x10\"}", "aInt32: \"0x10\" " INT32_WORDS},
	{"{\"aInt32\":\"NaN\"}", "aInt32: \"NaN\" " INT32_WORDS},
	{"{\"aInt32\":true}", "aInt32: true " INT32_WORDS},
	{"{\"aInt32\":{}}", "aInt32: an object " INT32_WORDS},
	{"{\"aInt32\":[1]}", "aInt32: a list " INT32_WORDS},
	{"{\"aUint32\":-1}", "aUint32: -1 " UINT32_WORDS},
	{"{\"aUint32\":4294967296}", "aUint32: 4294967296 " UINT32_WORDS},
	{"{\"aUint64\":18446744073709551616}", "aUint64: 18446744073709551616 " UINT64_WORDS},
	{"{\"aUint64\":\"-1\"}", "aUint64: \"-1\" " UINT64_WORDS},
	{"{\"aInt64\":9223372036854775808}",
	 "aInt64: 9223372036854775808 is not a whole number, -9223372036854775808 to "
	 "9223372036854775807"},
	{"{\"aDouble\":1e309}", "aDouble: 1e309 is not a number from -1.79e308 to 1.79e308"},
	{"{\"aDouble\":\"nan\"}", "aDouble: \"nan\" is not a number"},
	{"{\"aDouble\":\"inf\"}", "aDouble: \"inf\" is not a number"},
	{"{\"aDouble\":\"\"}", "aDouble: \"\" is not a number"},
	{"{\"aDouble\":false}", "aDouble: false is not a number"},
	{"{\"aFloat\":1e39}", "aFloat: 1e39 is not a number from -3.4e38 to 3.4e38"},
	{"{\"aBool\":\"true\"}", "aBool: \"true\" is not true or false"},
	{"{\"aBool\":1}", "aBool: 1 is not true or false"},
	{"{\"aColour\":\"BLUE\"}",
	 "aColour: \"BLUE\" is not a value of Colour; those are BELOW, RED, "
	 "DARK_GREEN"},
	{"{\"aColour\":\"\"}",
	 "aColour: \"\" is not a value of Colour; those are BELOW, RED, DARK_GREEN"},
	{"{\"aColour\":2}",
	 "aColour: 2 is not a value of Colour; those are BELOW, RED, DARK_GREEN"},
	{"{\"aColour\":1.5}",
	 "aColour: 1.5 is not a value of Colour; those are BELOW, RED, DARK_GREEN"},
	{"{\"aColour\":true}", "aColour: true is not a name of Colour"},
	{"{\"aString\":1}", "aString: 1 is not a string"},
	{"{\"aString\":[\"x\"]}", "aString: a list is not a string"},
	{"{\"aBytes\":\"AA=A\"}", "aBytes: not valid base64 at character 2"},
	{"{\"aBytes\":\"A\"}", "aBytes: not valid base64 at character 0"},
	{"{\"aBytes\":[0]}", "aBytes: a list is not base64 in a string"},
	{"{\"time\":\"yesterday\"}",
	 "time: \"yesterday\" is not a time such as \"2026-01-31T12:00:00Z\""},
	{"{\"time\":1769860800}",
	 "time: 1769860800 is not a time such as \"2026-01-31T12:00:00Z\""},
	{"{\"time\":{\"seconds\":1}}",
	 "time: an object is not a time such as \"2026-01-31T12:00:00Z\""},
	{"{\"duration\":10}", "duration: 10 is not a duration such as \"1.5s\""},
	{"{\"duration\":\"10\"}", "duration: \"10\" is not a duration such as \"1.5s\""},
	{"{\"child\":[]}", "child: a list is not an object of EveryType"},
	{"{\"child\":1}", "child: 1 is not an object of EveryType"},
	{"{\"children\":{}}",
	 "children: an object where a list […] is expected, each element an object of EveryType"},
	{"{\"listInt32\":1}",
	 "listInt32: a number where a list […] is expected, each element a whole "
	 "number, -2147483648 to 2147483647"},
	{"{\"listInt32\":[1,null]}", "listInt32[1]: null is not allowed as an element of a list"},
	{"{\"children\":[{},null]}", "children[1]: null is not allowed as an element of a list"},
	{"{\"listInt32\":[1,[2]]}", "listInt32[1]: a list " INT32_WORDS},
	{"{\"children\":[{\"child\":{\"children\":[{},{\"aInt32\":\"x\"}]}}]}",
	 "children[0].child.children[1].aInt32: \"x\" " INT32_WORDS},
	/* one field, two names */
	{"{\"aInt32\":1,\"a_int32\":2}", "aInt32: given twice, as a_int32 and as aInt32"},
	{"{\"a_int32\":null,\"aInt32\":2}", "aInt32: given twice, as a_int32 and as aInt32"},
	/* one oneof, two members */
	{"{\"oneString\":\"\",\"oneDouble\":1}",
	 "oneDouble: cannot be combined with oneString; give one of the two"},
	/* unknown names */
	{"{\"AInt32\":1}", "AInt32: unknown field \"AInt32\"; did you mean \"aInt32\"?"},
	{"{\"aint32\":1}", "aint32: unknown field \"aint32\"; did you mean \"aInt32\"?"},
	{"{\"chlid\":{}}", "chlid: unknown field \"chlid\"; did you mean \"child\"?"},
	{"{\"dur\":\"1s\"}", "dur: unknown field \"dur\"; did you mean \"duration\"?"},
	{"{\"zebra\":{\"a\":[1,{}]}}", "zebra: unknown field \"zebra\" of EveryType"},
	{"{\"\":1}", "\"\": unknown field \"\" of EveryType"},
	{"{\"child\":{\"x\":1}}", "child.x: unknown field \"x\" of EveryType"},
	{"{\"a\\u0042\":1}", "aB: unknown field \"aB\" of EveryType"},
	{"{\"@type\":\"x\"}", "@type: unknown field \"@type\" of EveryType"},
	/* long values are cut, at a character */
	{"{\"aInt32\":\"€€€€€€€€€€€€€€€€€€€€\"}", "aInt32: \"€€€€€€€€€€€€€€€… " INT32_WORDS},
};

TEST(json_refuses_wrong_values_in_words)
{
	for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
		_cleanup_error_ struct error error = ERROR_NULL;
		ProtobufCMessage *message = NULL;
		CHECK_INT(
			json_read(EVERY, BAD[i].text, strlen(BAD[i].text), NULL, &message, &error),
			==, ERROR_CODE_INVALID_ARGUMENT);
		CHECK_STR(error_message(&error), BAD[i].told);
		CHECK(message == NULL);
	}
}

TEST(json_ignores_unknown_fields_only_when_told_to)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct json_read_options lenient = {.ignore_unknown = true};
	ProtobufCMessage *message = NULL;
	const char *text = "{\"x\":{\"y\":[1,{\"z\":null}]},\"aInt32\":3,\"child\":{\"q\":\"\"}}";
	CHECK_INT(json_read(EVERY, text, strlen(text), NULL, &message, &error), ==,
		  ERROR_CODE_INVALID_ARGUMENT);
	CHECK_INT(error.violation_count, ==, 2);
	CHECK_INT(json_read(EVERY, text, strlen(text), &lenient, &message, &error), ==, 0);
	CHECK_INT(((Pagecast__Test__EveryType *)message)->a_int32, ==, 3);
	protobuf_c_message_free_unpacked(message, NULL);
}

TEST(json_puts_the_callers_prefix_before_every_path)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct json_read_options options = {.field_prefix = "spec."};
	ProtobufCMessage *message = NULL;
	const char *text = "{\"streams\":[{\"limt\":{}}],\"labels\":[{\"key\":1}]}";
	CHECK_INT(json_read(SPEC, text, strlen(text), &options, &message, &error), ==,
		  ERROR_CODE_INVALID_ARGUMENT);
	CHECK_STR(error.violations[0].field, "spec.streams[0].limt");
	CHECK_STR(error.violations[1].field, "spec.labels[0].key");
}

TEST(json_counts_the_faults_it_does_not_list)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	ProtobufCMessage *message = NULL;
	char text[2048], *at = text;
	at += sprintf(at, "{\"listInt32\":[\"x\"");
	for (int i = 0; i < 199; i++)
		at += sprintf(at, ",\"x\"");
	sprintf(at, "]}");
	CHECK_INT(json_read(EVERY, text, strlen(text), NULL, &message, &error), ==,
		  ERROR_CODE_INVALID_ARGUMENT);
	CHECK_INT(error.violation_count, ==, ERROR_VIOLATIONS_MAX);
	CHECK_INT(error.violation_count + error.violations_unlisted, ==, 200);
	CHECK_HAS(error_message(&error), "listInt32[0]: \"x\" is not");
	CHECK_HAS(error_message(&error), "(and 199 more)");
}

TEST(json_refuses_depth_in_a_recursive_type_before_it_recurses)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	ProtobufCMessage *message = NULL;
	char *text = malloc(10 * 200000), *at = text;
	for (int i = 0; i < 200000; i++)
		at += sprintf(at, "{\"child\":");
	CHECK_INT(json_read(EVERY, text, (size_t)(at - text), NULL, &message, &error), ==,
		  ERROR_CODE_INVALID_ARGUMENT);
	CHECK_HAS(error_message(&error), "nested deeper than 32");
	free(text);
}

TEST(json_prints_zeros_but_nothing_that_is_absent)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	Pagecast__V1__Stream stream = PAGECAST__V1__STREAM__INIT;
	Pagecast__V1__Limit limit = PAGECAST__V1__LIMIT__INIT;
	char *text;
	size_t len;
	stream.limit = &limit;
	CHECK_INT(json_write(&stream.base, JSON_WITH_ZEROS, &text, &len, &error), ==, 0);
	CHECK_STR(text, "{\"name\":\"\",\"payloads\":[],\"limit\":{},\"modifiers\":[],"
			"\"hold\":false}");
	free(text);
	limit.kind_case = PAGECAST__V1__LIMIT__KIND_PACKETS;
	CHECK_INT(json_write(&stream.base, JSON_CANONICAL, &text, &len, &error), ==, 0);
	CHECK_STR(text, "{\"limit\":{\"packets\":\"0\"}}");
	free(text);
}

/* What the kernel or a peer gave as a name may be any bytes; an answer is UTF-8 all the same. */
TEST(json_prints_only_utf8)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	Pagecast__V1__Interface interface = PAGECAST__V1__INTERFACE__INIT;
	char *text;
	size_t len;
	interface.name = (char[]){"a\xFF\xC3"};
	interface.mac = NULL;
	CHECK_INT(json_write(&interface.base, JSON_CANONICAL, &text, &len, &error), ==, 0);
	CHECK_STR(text, "{\"name\":\"a\xEF\xBF\xBD\xEF\xBF\xBD\"}");
	CHECK_INT(json_check(text, len, &error), ==, 0);
	free(text);
}

TEST(json_write_refuses_a_time_that_is_none)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	Pagecast__Test__EveryType message = PAGECAST__TEST__EVERY_TYPE__INIT;
	Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	char *text = NULL;
	size_t len;
	time.nanos = -1;
	message.time = &time;
	CHECK_INT(json_write(&message.base, JSON_CANONICAL, &text, &len, &error), ==,
		  ERROR_CODE_INTERNAL);
	CHECK(text == NULL);
}

TEST(json_buffer_makes_what_is_no_message)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct json_buffer buffer = JSON_BUFFER_NULL;
	size_t len;
	json_buffer_text(&buffer, "{\"message\":");
	json_buffer_quote(&buffer, "port \"70000\"\t\x1F\x7F\xFE");
	json_buffer_text(&buffer, ",\"value\":");
	json_buffer_base64(&buffer, "\x0A\x03", 2, BASE64_STANDARD_UNPADDED);
	json_buffer_text(&buffer, ",\"n\":[");
	json_buffer_int(&buffer, INT64_MIN);
	json_buffer_char(&buffer, ',');
	json_buffer_uint(&buffer, UINT64_MAX);
	json_buffer_text(&buffer, "],\"none\":");
	json_buffer_base64(&buffer, "", 0, BASE64_STANDARD);
	json_buffer_char(&buffer, '}');
	char *text = json_buffer_take(&buffer, &len);
	CHECK_STR(text, "{\"message\":\"port \\\"70000\\\"\\t\\u001f\\u007f\xEF\xBF\xBD\","
			"\"value\":\"CgM\",\"n\":[-9223372036854775808,18446744073709551615],"
			"\"none\":\"\"}");
	CHECK_INT(len, ==, strlen(text));
	CHECK_INT(json_check(text, len, &error), ==, 0);
	CHECK(buffer.data == NULL);
	free(text);
	CHECK_STR((text = json_buffer_take(&buffer, NULL)), "");
	free(text);
}

TEST_MAIN(CASE(json_reads_the_first_job_of_the_manual),
	  CASE(json_tells_all_faults_at_once_with_their_paths),
	  CASE(json_leaves_no_holes_where_it_could_not_read), CASE(json_prints_both_styles),
	  CASE(json_reads_every_kind_of_field_and_prints_it_canonically),
	  CASE(json_refuses_wrong_values_in_words),
	  CASE(json_ignores_unknown_fields_only_when_told_to),
	  CASE(json_puts_the_callers_prefix_before_every_path),
	  CASE(json_counts_the_faults_it_does_not_list),
	  CASE(json_refuses_depth_in_a_recursive_type_before_it_recurses),
	  CASE(json_prints_zeros_but_nothing_that_is_absent), CASE(json_prints_only_utf8),
	  CASE(json_write_refuses_a_time_that_is_none), CASE(json_buffer_makes_what_is_no_message))
