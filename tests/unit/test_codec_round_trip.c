/* Every message type of the schema, filled at random, through both codecs and back. */
#include "api/codec/json_read.h"
#include "api/codec/json_write.h"
#include "api/codec/wire.h"

#include <json-c/json.h>

#include "lib/messages.h"
#include "lib/test.h"

enum { ROUNDS = 60 };

static ProtobufCMessage *through_json(const ProtobufCMessage *message, enum json_style style)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	ProtobufCMessage *back = NULL;
	char *text = NULL;
	size_t len = 0;
	if (json_write(message, style, &text, &len, &error))
		test_fail(__FILE__, __LINE__, "%s", error_message(&error));
	if (json_read(message->descriptor, text, len, NULL, &back, &error))
		test_fail(__FILE__, __LINE__, "%s: %s\n%s", message->descriptor->name,
			  error_message(&error), text);
	free(text);
	return back;
}

static ProtobufCMessage *through_wire(const ProtobufCMessage *message)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	ProtobufCMessage *back = NULL;
	uint8_t *data = NULL;
	size_t len = 0;
	CHECK_INT(wire_write(message, &data, &len, &error), ==, 0);
	if (wire_read(message->descriptor, data, len, false, &back, &error))
		test_fail(__FILE__, __LINE__, "%s: %s", message->descriptor->name,
			  error_message(&error));
	free(data);
	return back;
}

static void check_same(const ProtobufCMessage *message, ProtobufCMessage *back, const char *way)
{
	if (!messages_equal(message, back))
		test_fail(__FILE__, __LINE__, "%s is another one after %s",
			  message->descriptor->name, way);
	protobuf_c_message_free_unpacked(back, NULL);
}

TEST(every_type_comes_back_the_same_from_json_and_wire)
{
	struct messages_random random = {.state = 20260131};
	size_t types = 0;
	for (const ProtobufCMessageDescriptor *const *type = messages_types(); *type; type++) {
		types++;
		for (int i = 0; i < ROUNDS; i++) {
			ProtobufCMessage *message = messages_random_new(&random, *type);
			check_same(message, through_json(message, JSON_CANONICAL), "JSON");
			check_same(message, through_json(message, JSON_WITH_ZEROS),
				   "JSON with zeros");
			check_same(message, through_wire(message), "the wire");
			protobuf_c_message_free_unpacked(message, NULL);
		}
	}
	printf("  %zu message types\n", types);
	CHECK_INT(types, >=, 60);
}

/* json-c, written elsewhere, reads what is printed, and finds the same keys. */
TEST(what_is_printed_is_json_to_another_parser)
{
	struct messages_random random = {.state = 7};
	for (const ProtobufCMessageDescriptor *const *type = messages_types(); *type; type++) {
		_cleanup_error_ struct error error = ERROR_NULL;
		ProtobufCMessage *message = messages_random_new(&random, *type);
		char *text = NULL;
		size_t len = 0;
		CHECK_INT(json_write(message, JSON_WITH_ZEROS, &text, &len, &error), ==, 0);
		struct json_tokener *tokener = json_tokener_new();
		json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
		struct json_object *tree = json_tokener_parse_ex(tokener, text, (int)len + 1);
		if (!tree)
			test_fail(__FILE__, __LINE__, "%s: %s", text,
				  json_tokener_error_desc(json_tokener_get_error(tokener)));
		json_object_put(tree);
		json_tokener_free(tokener);
		free(text);
		protobuf_c_message_free_unpacked(message, NULL);
	}
}

/* The limits that the codecs' tables are sized by hold for the whole schema. */
TEST(the_schema_fits_the_codecs_bounds)
{
	for (const ProtobufCMessageDescriptor *const *type = messages_types(); *type; type++) {
		CHECK_INT((*type)->n_fields, <=, 64);
		for (unsigned i = 0; i < (*type)->n_fields; i++)
			CHECK_INT(strlen((*type)->fields[i].name), <, 64);
	}
}

TEST_MAIN(CASE(every_type_comes_back_the_same_from_json_and_wire),
	  CASE(what_is_printed_is_json_to_another_parser), CASE(the_schema_fits_the_codecs_bounds))
