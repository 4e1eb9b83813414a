/* codec: what the JSON and the wire target share: a type by letter, and the ways round. */
#pragma once
#include "api/codec/json_read.h"
#include "api/codec/json_write.h"
#include "api/codec/wire.h"
#include "every_type.pb-c.h"
#include "fuzz/fuzz.h"
#include "lib/messages.h"
#include "pagecast/v1/agent_service.pb-c.h"
#include "pagecast/v1/receive_service.pb-c.h"
#include "pagecast/v1/transmit_service.pb-c.h"

/* The first byte of an input names the message type: a readable letter, so that seeds are too. */
static inline const ProtobufCMessageDescriptor *codec_type(uint8_t letter)
{
	switch (letter) {
	case 'E': return &pagecast__test__every_type__descriptor;
	case 'J': return &pagecast__v1__job__descriptor;
	case 'L': return &pagecast__v1__list_jobs_request__descriptor;
	case 'P': return &pagecast__v1__policy__descriptor;
	case 'R': return &pagecast__v1__receiver__descriptor;
	case 'U': return &pagecast__v1__update_job_request__descriptor;
	default: return &pagecast__v1__job_spec__descriptor;
	}
}

/* A message that came in by either codec must go out and come back by both, the same. */
static inline void codec_round_trip(const ProtobufCMessage *message)
{
	struct error error = ERROR_NULL;
	ProtobufCMessage *back = NULL;
	char *text = NULL;
	uint8_t *data = NULL;
	size_t len = 0;
	for (int style = JSON_CANONICAL; style <= JSON_WITH_ZEROS; style++) {
		FUZZ_CHECK(json_write(message, (enum json_style)style, &text, &len, &error) == 0);
		FUZZ_CHECK(json_read(message->descriptor, text, len, NULL, &back, &error) == 0);
		FUZZ_CHECK(messages_equal(message, back));
		protobuf_c_message_free_unpacked(back, NULL);
		free(text);
	}
	FUZZ_CHECK(wire_write(message, &data, &len, &error) == 0);
	FUZZ_CHECK(wire_read(message->descriptor, data, len, false, &back, &error) == 0);
	FUZZ_CHECK(messages_equal(message, back));
	protobuf_c_message_free_unpacked(back, NULL);
	free(data);
}
