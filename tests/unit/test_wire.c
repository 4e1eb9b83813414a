/*
 * The wire scan: what protobuf-c would crash, crawl or lie on is refused, with field path and
 * offset; what the standard allows is taken. Bytes are written as hex, so that each is to be seen.
 */
#include "api/codec/wire.h"

#include "every_type.pb-c.h"
#include "lib/messages.h"
#include "lib/test.h"
#include "pagecast/v1/transmit_service.pb-c.h"

#define EVERY (&pagecast__test__every_type__descriptor)
#define SPEC  (&pagecast__v1__job_spec__descriptor)

enum { BROKEN = 6000 };

static size_t from_hex(const char *hex, uint8_t **ret_data)
{
	size_t n = 0;
	uint8_t *data = malloc(strlen(hex) / 2 + 1);
	for (int used; sscanf(hex, " %2hhx%n", &data[n], &used) == 1; hex += used)
		n++;
	*ret_data = realloc(data, n ? n : 1); /* no byte behind it to lean on */
	return n;
}

static int read_hex(const ProtobufCMessageDescriptor *type, const char *hex, bool ignore_unknown,
		    ProtobufCMessage **ret_message, struct error *error)
{
	uint8_t *data;
	size_t len = from_hex(hex, &data);
	int r = wire_read(type, data, len, ignore_unknown, ret_message, error);
	free(data);
	return r;
}

struct bad {
	const ProtobufCMessageDescriptor *type;
	const char *hex;
	const char *part;
};

static const struct bad BAD[] = {
	/* tags */
	{EVERY, "00", "not a valid EveryType in protobuf: no such field number (at byte 0)"},
	{EVERY, "00 00", "no such field number"},
	{EVERY, "02 00", "no such field number"},
	{EVERY, "80 80 80 80 10 00", "no such field number"}, /* 2^29 */
	{EVERY, "88 80 80 80 80 00 01", "encoded in too many bytes"},
	{EVERY, "88", "truncated inside a number (at byte 1)"},
	{EVERY, "80 80", "truncated inside a number (at byte 2)"},
	{EVERY, "F8 3E 01",
	 "not a valid EveryType in protobuf: unknown field number 1007 of EveryType (at byte 0)"},
	{EVERY, "08 01 F8 3E 01", "unknown field number 1007 of EveryType (at byte 2)"},
	{EVERY, "CA 02 03 F8 3E 01", "child: unknown field number 1007 of EveryType (at byte 3)"},
	/* groups, and wire types that do not exist */
	{EVERY, "0B 0C", "aInt32: wrong wire type"},
	{EVERY, "A3 06 A4 06", "field number 100 of EveryType is a group"},
	{EVERY, "0C", "aInt32: wrong wire type"},
	{EVERY, "0E 00", "aInt32: wrong wire type"},
	{EVERY, "0F 00", "aInt32: wrong wire type"},
	{EVERY, "A6 06 00", "unknown field number 100"},
	/* wire types of other kinds */
	{EVERY, "0D 01 00 00 00", "aInt32: wrong wire type for this field (at byte 0)"},
	{EVERY, "0A 01 01", "aInt32: wrong wire type"}, /* packed, but no list */
	{EVERY, "18 01", "aSfixed32: wrong wire type"},
	{EVERY, "78 01", "aString: wrong wire type"},
	{EVERY, "C8 02 01", "child: wrong wire type"},
	{EVERY, "D8 01 01", "listString: wrong wire type"},
	/* numbers */
	{EVERY, "08", "aInt32: the message is truncated inside a number (at byte 1)"},
	{EVERY, "08 80", "aInt32: the message is truncated inside a number (at byte 2)"},
	{EVERY, "20 FF FF FF FF FF FF FF FF FF 02", "aInt64: a number of more than 64 bits"},
	{EVERY, "20 80 80 80 80 80 80 80 80 80 80 00", "aInt64: a number of more than 64 bits"},
	{EVERY, "20 FF FF FF FF FF FF FF FF FF FF 01", "aInt64: a number of more than 64 bits"},
	{EVERY, "08 80 80 80 80 08", "aInt32: a number of more than 32 bits (at byte 1)"},
	{EVERY, "08 FF FF FF FF F7 FF FF FF FF 01", "aInt32: a number of more than 32 bits"},
	{EVERY, "38 80 80 80 80 10", "aUint32: a number of more than 32 bits"},
	{EVERY, "38 A8 C6 80 80 10", "aUint32: a number of more than 32 bits"}, /* 2^32 + 9000 */
	{EVERY, "10 80 80 80 80 10", "aSint32: a number of more than 32 bits"},
	{EVERY, "1D 01 02 03", "aSfixed32: the message is truncated inside a number"},
	{EVERY, "61 01 02 03 04 05 06 07", "aDouble: the message is truncated inside a number"},
	{EVERY, "70 63", "aColour: 99 is not a value of Colour (at byte 1)"},
	{EVERY, "70 FE FF FF FF FF FF FF FF FF 01", "aColour: -2 is not a value of Colour"},
	{EVERY, "D2 01 02 01 63", "listColour: 99 is not a value of Colour (at byte 4)"},
	{EVERY, "D0 01 01 D0 01 63", "listColour[1]: 99 is not a value of Colour"},
	/* lengths */
	{EVERY, "7A", "aString: the message is truncated inside a number"},
	{EVERY, "7A 02 61", "aString: a length past the end of the message (at byte 1)"},
	{EVERY, "7A FF FF FF FF 0F", "aString: a length past the end of the message"},
	{EVERY, "7A FF FF FF FF FF FF FF FF FF 01", "aString: a number encoded in too many bytes"},
	{EVERY, "82 01 05 00", "aBytes: a length past the end of the message"},
	{EVERY, "CA 02 02 7A 01", "child.aString: a length past the end of the message"},
	{EVERY, "CA 02 02 08", "child: a length past the end of the message"},
	{EVERY, "CA 02 01 08 01", "child.aInt32: the message is truncated inside a number"},
	{EVERY, "AA 01 02 01 80", "listInt32: the message is truncated inside a number"},
	{EVERY, "BA 01 05 01 02 03 04 05", "listFixed32: the message is truncated inside a number"},
	/* strings */
	{EVERY, "7A 03 61 00 62", "aString: a NUL in a string (at byte 3)"},
	{EVERY, "7A 01 FF", "aString: not valid UTF-8 (at byte 2)"},
	{EVERY, "7A 02 C0 80", "aString: not valid UTF-8"},
	{EVERY, "7A 03 ED A0 80", "aString: not valid UTF-8"},
	{EVERY, "7A 02 61 C3", "aString: not valid UTF-8 (at byte 3)"},
	{EVERY, "DA 01 01 61 DA 01 01 80", "listString[1]: not valid UTF-8"},
	{EVERY, "FA 01 01 80", "oneString: not valid UTF-8"},
	/* what may come once only */
	{EVERY, "08 01 08 02", "aInt32: given twice (at byte 2)"},
	{EVERY, "CA 02 00 CA 02 00", "child: given twice (at byte 3)"},
	{EVERY, "7A 00 7A 00", "aString: given twice"},
	{EVERY, "FA 01 00 FA 01 00", "oneString: given twice"},
	{EVERY, "FA 01 00 98 02 01",
	 "oneBool: cannot be combined with oneString; give one of the two"},
	{EVERY, "92 02 00 FA 01 00", "oneString: cannot be combined with oneChild"},
	{SPEC, "2A 04 12 00 1A 00", "streams[0].rawIp: cannot be combined with udp"},
	/* times */
	{EVERY, "DA 02 0B 08 80 80 80 80 80 80 80 80 80 01", "time: out of range for a time"},
	{EVERY, "DA 02 06 10 80 94 EB DC 03", "time: out of range for a time (at byte 3)"},
	{EVERY, "DA 02 07 10 80 94 EB DC 03 08", "time.seconds: the message is truncated inside"},
	{EVERY, "DA 02 0B 10 FF FF FF FF FF FF FF FF FF 01", "time: out of range for a time"},
	{EVERY, "E2 02 0D 08 01 10 FF FF FF FF FF FF FF FF FF 01", "duration: out of range"},
	{EVERY, "EA 02 07 08 81 BC AE CE 97 09", "durations[0]: out of range"},
};

TEST(wire_refuses_what_would_surprise_protobuf_c)
{
	for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
		_cleanup_error_ struct error error = ERROR_NULL;
		ProtobufCMessage *message = NULL;
		int r = read_hex(BAD[i].type, BAD[i].hex, false, &message, &error);
		if (r != ERROR_CODE_INVALID_ARGUMENT)
			test_fail(__FILE__, __LINE__, "%s: code %d, %s", BAD[i].hex, r,
				  error_message(&error));
		if (!strstr(error_message(&error), BAD[i].part))
			test_fail(__FILE__, __LINE__, "%s: \"%s\" without \"%s\"", BAD[i].hex,
				  error_message(&error), BAD[i].part);
		CHECK(message == NULL);
	}
}

/* Of the values; one of the structure, which says what the bytes behind it mean, is the last. */
TEST(wire_lists_all_faults)
{
	static const struct {
		const char *hex;
		const char *found[6]; /* field, description, … */
		const char *message;
	} CASES[] = {
		{"38 80 80 80 80 10 7A 01 FF 70 63",
		 {"aUint32", "32 bits", "aString", "UTF-8", "aColour", "99 is not a value"},
		 "aUint32: "},
		{"CA 02 06 7A 01 FF F8 3E 01 08 01 08 02",
		 {"child.aString", "UTF-8", "child", "unknown field number 1007", "aInt32",
		  "twice"},
		 "child.aString: "},
		{"F8 3E 01 0D 01 00 00 00 7A 01 61 7A 01 62",
		 {"aInt32", "wrong wire type", "aString", "given twice", "",
		  "unknown field number 1007 of EveryType (at byte 0)"},
		 "aInt32: "},
		{"70 63 7A 02 61", {"aColour", "99", "aString", "past the end"}, "aColour: "},
		{"F8 3E 01 F0 3E 02", {0}, "unknown field number 1007 of EveryType (at byte 0)"},
	};
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		_cleanup_error_ struct error error = ERROR_NULL;
		ProtobufCMessage *message = NULL;
		CHECK_INT(read_hex(EVERY, CASES[i].hex, false, &message, &error), ==,
			  ERROR_CODE_INVALID_ARGUMENT);
		CHECK(!message);
		size_t count = 0;
		for (; count < 3 && CASES[i].found[2 * count]; count++) {
			CHECK_INT(count, <, error.violation_count);
			CHECK_STR(error.violations[count].field, CASES[i].found[2 * count]);
			CHECK_HAS(error.violations[count].description,
				  CASES[i].found[2 * count + 1]);
		}
		CHECK_INT(error.violation_count, ==, count);
		CHECK_INT(error.violations_unlisted, ==, 0);
		CHECK_HAS(error_message(&error), CASES[i].message);
	}
}

TEST(wire_counts_the_faults_that_it_does_not_list)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	ProtobufCMessage *message = NULL;
	uint8_t data[3 * 1000]; /* listString, each of one byte that is no UTF-8 */
	for (size_t i = 0; i < sizeof data; i += 4) {
		memcpy(data + i, "\xDA\x01\x01\x80", 4);
	}
	CHECK_INT(wire_read(EVERY, data, sizeof data, false, &message, &error), ==,
		  ERROR_CODE_INVALID_ARGUMENT);
	CHECK_INT(error.violation_count + error.violations_unlisted, ==, sizeof data / 4);
}

static Pagecast__Test__EveryType *taken(const char *hex, bool ignore_unknown)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	ProtobufCMessage *message = NULL;
	if (read_hex(EVERY, hex, ignore_unknown, &message, &error))
		test_fail(__FILE__, __LINE__, "%s: %s", hex, error_message(&error));
	return (Pagecast__Test__EveryType *)message;
}

static void drop(Pagecast__Test__EveryType *message)
{
	protobuf_c_message_free_unpacked(&message->base, NULL);
}

TEST(wire_takes_what_the_standard_allows)
{
	Pagecast__Test__EveryType *m = taken("", false);
	CHECK_STR(m->a_string, "");
	drop(m);
	m = taken("7A 03 C3 A9 61 08 80 80 80 80 F8 FF FF FF FF 01", false); /* in any order */
	CHECK_STR(m->a_string, "\xC3\xA9"
			       "a");
	CHECK_INT(m->a_int32, ==, INT32_MIN);
	drop(m);
	m = taken("08 81 80 00 38 FF FF FF FF 0F", false); /* not the shortest form */
	CHECK_INT(m->a_int32, ==, 1);
	CHECK_INT(m->a_uint32, ==, UINT32_MAX);
	drop(m);
	m = taken("A8 01 05 AA 01 02 06 07 A8 01 08", false); /* packed and loose in one list */
	CHECK_INT(m->n_list_int32, ==, 4);
	CHECK_INT(m->list_int32[0], ==, 5);
	CHECK_INT(m->list_int32[3], ==, 8);
	drop(m);
	m = taken("EA 01 02 01 02 E8 01 03", false); /* declared loose, sent packed */
	CHECK_INT(m->n_list_loose, ==, 3);
	drop(m);
	m = taken("70 FD FF FF FF FF FF FF FF FF 01 82 01 02 00 FF", false);
	CHECK_INT(m->a_colour, ==, PAGECAST__TEST__COLOUR__COLOUR_BELOW);
	CHECK_INT(m->a_bytes.len, ==, 2);
	drop(m);
	m = taken("FA 01 00", false); /* an empty oneof member is given */
	CHECK_INT(m->choice_case, ==, PAGECAST__TEST__EVERY_TYPE__CHOICE_ONE_STRING);
	drop(m);
	m = taken("AA 01 00 68 02", false); /* an empty packed list; any bit is true */
	CHECK_INT(m->n_list_int32, ==, 0);
	CHECK(m->a_bool);
	drop(m);
}

/* Unknown fields that were ignored are nowhere: not in the message, not in what is stored of it. */
TEST(wire_forgets_the_unknown_fields_it_ignores)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	Pagecast__Test__EveryType *m =
		taken("08 01 F8 3E 01 F9 3E 01 02 03 04 05 06 07 08 FD 3E 01 02 "
		      "03 04 FA 3E 02 41 42 CA 02 05 F8 3E 01 08 07 D2 02 03 F8 "
		      "3E 05",
		      true);
	uint8_t *data;
	size_t len;
	CHECK_INT(m->a_int32, ==, 1);
	CHECK_INT(m->child->a_int32, ==, 7);
	CHECK_INT(m->base.n_unknown_fields, ==, 0);
	CHECK_INT(m->child->base.n_unknown_fields, ==, 0);
	CHECK_INT(wire_write(&m->base, &data, &len, &error), ==, 0);
	CHECK_INT(len, ==, 2 + 5 + 3);
	free(data);
	drop(m);
	ProtobufCMessage *none = NULL;
	CHECK_INT(read_hex(EVERY, "A3 06 A4 06", true, &none, &error), ==,
		  ERROR_CODE_INVALID_ARGUMENT);
	CHECK_HAS(error_message(&error), "is a group");
	CHECK_INT(read_hex(EVERY, "F8 3E 80", true, &none, &error), ==,
		  ERROR_CODE_INVALID_ARGUMENT);
	CHECK_INT(read_hex(EVERY, "FA 3E 05 00", true, &none, &error), ==,
		  ERROR_CODE_INVALID_ARGUMENT);
}

/* @levels children inside each other, as bytes. */
static size_t nest(uint8_t *out, size_t levels)
{
	uint8_t *end = out + 8 * levels, *at = end;
	for (size_t i = 0; i < levels; i++) {
		size_t len = (size_t)(end - at);
		*--at = (uint8_t)(len >> 14 & 0x7F);
		*--at = (uint8_t)(len >> 7 & 0x7F) | 0x80;
		*--at = (uint8_t)(len & 0x7F) | 0x80;
		*--at = 0x02;
		*--at = 0xCA;
	}
	memmove(out, at, (size_t)(end - at));
	return (size_t)(end - at);
}

TEST(wire_bounds_depth_and_fields)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	ProtobufCMessage *message = NULL;
	uint8_t *data = malloc(8 * 20000);
	CHECK_INT(wire_read(EVERY, data, nest(data, WIRE_DEPTH_MAX - 1), false, &message, &error),
		  ==, 0);
	protobuf_c_message_free_unpacked(message, NULL);
	CHECK_INT(wire_read(EVERY, data, nest(data, WIRE_DEPTH_MAX), false, &message, &error), ==,
		  ERROR_CODE_INVALID_ARGUMENT);
	CHECK_HAS(error_message(&error), "nested deeper than 16");
	CHECK_INT(wire_read(EVERY, data, nest(data, 20000), false, &message, &error), ==,
		  ERROR_CODE_INVALID_ARGUMENT);
	CHECK_HAS(error_message(&error), "nested deeper than 16");
	free(data);

	size_t len = (size_t)(WIRE_FIELDS_MAX + 1) * 3;
	data = malloc(len);
	for (size_t i = 0; i < len; i += 3)
		memcpy(data + i, "\xE8\x01\x00", 3); /* list_loose */
	CHECK_INT(wire_read(EVERY, data, len, false, &message, &error), ==,
		  ERROR_CODE_INVALID_ARGUMENT);
	CHECK_HAS(error_message(&error), "more than 65536 fields (at byte 196608)");
	free(data);
}

TEST(wire_tells_when_a_body_would_take_too_much_memory)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	ProtobufCMessage *message = NULL;
	uint8_t *data = malloc(60000);
	for (size_t i = 0; i < 60000; i += 2)
		memcpy(data + i, "\x2A\x00", 2);
	CHECK_INT(wire_read(SPEC, data, 60000, false, &message, &error), ==,
		  ERROR_CODE_INVALID_ARGUMENT);
	CHECK_HAS(error_message(&error),
		  "60000 bytes of protobuf that would take more than 983040");
	free(data);
}

/* Whatever the bytes: refused with a sentence, or taken, and then the same again once written. */
TEST(wire_survives_broken_messages)
{
	struct messages_random random = {.state = 99};
	size_t accepted = 0;
	for (int i = 0; i < BROKEN; i++) {
		struct error error = ERROR_NULL;
		const ProtobufCMessageDescriptor *type = i % 2 ? EVERY : SPEC;
		ProtobufCMessage *message = messages_random_new(&random, type), *back = NULL;
		uint8_t *data;
		size_t len;
		CHECK_INT(wire_write(message, &data, &len, &error), ==, 0);
		for (uint64_t hits = messages_draw(&random, 3); len && hits; hits--)
			data[messages_draw(&random, len)] ^=
				(uint8_t)(1U << messages_draw(&random, 8));
		if (len && messages_draw(&random, 3) == 0)
			len = messages_draw(&random, len);
		int r = wire_read(type, data, len, messages_draw(&random, 2), &back, &error);
		CHECK(r == 0 || r == ERROR_CODE_INVALID_ARGUMENT);
		accepted += r == 0;
		if (!r)
			protobuf_c_message_free_unpacked(back, NULL);
		error_deinit(&error);
		free(data);
		protobuf_c_message_free_unpacked(message, NULL);
	}
	printf("  %zu of %d still valid\n", accepted, BROKEN);
	CHECK_INT(accepted, >, BROKEN / 20);
	CHECK_INT(accepted, <, BROKEN - BROKEN / 20);
}

TEST_MAIN(CASE(wire_refuses_what_would_surprise_protobuf_c), CASE(wire_lists_all_faults),
	  CASE(wire_counts_the_faults_that_it_does_not_list),
	  CASE(wire_takes_what_the_standard_allows),
	  CASE(wire_forgets_the_unknown_fields_it_ignores), CASE(wire_bounds_depth_and_fields),
	  CASE(wire_tells_when_a_body_would_take_too_much_memory),
	  CASE(wire_survives_broken_messages))
