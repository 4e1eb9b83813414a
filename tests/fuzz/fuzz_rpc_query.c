/* Queries of Connect's GET: any message comes out as it was meant, or is refused in words. */
#include <stdlib.h>
#include <string.h>

#include "api/codec/json_read.h"
#include "api/codec/wire.h"
#include "api/rpc/rpc_query.h"
#include "api/tables/method.h"
#include "fuzz/fuzz.h"

/* As the dispatcher reads it. */
static void read_message(const struct rpc_query *query)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	const ProtobufCMessageDescriptor *type = METHODS[METHOD_LIST_JOBS].request;
	ProtobufCMessage *message = NULL;
	int r = query->codec == MEDIA_PROTOBUF
			? wire_read(type, query->message, query->len, false, &message, &error)
			: json_read(type, (const char *)query->message, query->len, NULL, &message,
				    &error);
	FUZZ_CHECK(r == 0 || r == ERROR_CODE_INVALID_ARGUMENT);
	if (!r)
		protobuf_c_message_free_unpacked(message, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct rpc_query *query = NULL;
	char *raw = malloc(size + 1);
	FUZZ_CHECK(raw);
	memcpy(raw, data, size);
	raw[size] = '\0';
	int r = rpc_query_read(raw, &query, &error);
	FUZZ_CHECK(r == 0 || r == ERROR_CODE_INVALID_ARGUMENT || r == ERROR_CODE_UNIMPLEMENTED);
	if (!r) {
		FUZZ_CHECK(query->len <= size);
		if (!query->compressed && query->codec != MEDIA_NONE)
			read_message(query);
	}
	free(query);
	free(raw);
	return 0;
}
