/* rpc_message: see rpc_message.h. */
#include "api/rpc/rpc_message.h"

#include "api/codec/gzip.h"
#include "api/codec/json_read.h"
#include "api/codec/wire.h"
#include "api/rpc/envelope.h"

#include <string.h>

int rpc_message_unpack(const struct request *request, struct rpc_bytes *message,
		       struct error *ret_error)
{
	uint8_t *plain = NULL;
	size_t len = 0;
	if (!message->len)
		return 0;
	int r = gzip_unpack(message->data, message->len, request->route->body_max_bytes, &plain,
			    &len, ret_error);
	if (!r)
		*message = (struct rpc_bytes){plain, len, plain};
	return r;
}

int rpc_message_take_envelope(const struct request *request, struct rpc_bytes *ret_message,
			      struct error *ret_error)
{
	struct envelope envelope;
	int r = envelope_read_only(request->body, request->body_len, &envelope, ret_error);
	if (r)
		return r;
	*ret_message = (struct rpc_bytes){envelope.message, envelope.len, NULL};
	if (!(envelope.flags & ENVELOPE_COMPRESSED))
		return 0;
	if (!request->body_gzip)
		return error_set(ret_error, ERROR_CODE_INTERNAL,
				 "the message is marked as compressed, but no header says how");
	return rpc_message_unpack(request, ret_message, ret_error);
}

bool rpc_message_pack(const struct request *request, uint8_t **message, size_t *len)
{
	return request->reply.form.gzip && gzip_replace(message, len);
}

int rpc_message_decode(const struct request *request, const struct rpc_bytes *bytes,
		       ProtobufCMessage **ret_message, struct error *ret_error)
{
	const ProtobufCMessageDescriptor *type = request->route->method->request;
	struct json_read_options options = {
		.ignore_unknown = request_ignores_unknown(request),
		.judge = method_judge,
	};
	if (request->body_media == MEDIA_PROTOBUF)
		return wire_read(type, bytes->data, bytes->len, options.ignore_unknown, ret_message,
				 ret_error);
	if (!bytes->len)
		return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
				 "the message is empty; send a %s as JSON, at least {}",
				 type->short_name);
	return json_read(type, (const char *)bytes->data, bytes->len, &options, ret_message,
			 ret_error);
}
