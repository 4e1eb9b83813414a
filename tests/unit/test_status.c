/*
 * google.rpc.Status and BadRequest, as the schema writes them out: the bytes are those of the
 * well-known messages, spelled here by the rules of the wire.
 */
#include "lib/test.h"
#include "pagecast/rpc/v1/status.pb-c.h"

TEST(status_is_on_the_wire_what_google_rpc_status_is)
{
	Pagecast__Rpc__V1__BadRequest__FieldViolation violation =
		PAGECAST__RPC__V1__BAD_REQUEST__FIELD_VIOLATION__INIT;
	Pagecast__Rpc__V1__BadRequest__FieldViolation *violations[] = {&violation};
	Pagecast__Rpc__V1__BadRequest request = PAGECAST__RPC__V1__BAD_REQUEST__INIT;
	violation.field = (char *)"f";
	violation.description = (char *)"no";
	request.field_violations = violations;
	request.n_field_violations = 1;
	uint8_t value[32];
	size_t len = pagecast__rpc__v1__bad_request__pack(&request, value);
	CHECK_INT(len, ==, 9);
	CHECK(!memcmp(value,
		      "\x0a\x07\x0a\x01"
		      "f\x12\x02no",
		      9));

	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT, *details[] = {&any};
	Pagecast__Rpc__V1__Status status = PAGECAST__RPC__V1__STATUS__INIT;
	any.type_url = (char *)"t";
	any.value = (ProtobufCBinaryData){len, value};
	status.code = 3;
	status.message = (char *)"m";
	status.details = details;
	status.n_details = 1;
	uint8_t wire[64];
	CHECK_INT(pagecast__rpc__v1__status__pack(&status, wire), ==, 21);
	CHECK(!memcmp(wire,
		      "\x08\x03\x12\x01m\x1a\x0e\x0a\x01t\x12\x09\x0a\x07\x0a\x01"
		      "f\x12\x02no",
		      21));
}

TEST_MAIN(CASE(status_is_on_the_wire_what_google_rpc_status_is))
