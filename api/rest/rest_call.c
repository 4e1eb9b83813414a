/* rest_call: see rest_call.h. */
#include "api/rest/rest_call.h"

#include "api/codec/gzip.h"
#include "api/rest/rest_bind.h"

#include <stdlib.h>
#include <string.h>

/* Faults are named as the caller sees them: by the query's names where there was no body, and from
 * the field on that the body is. */
static void refuse(struct request *request, struct error *error)
{
	const char *body = request->route->body;
	_cleanup_error_ struct error named = ERROR_NULL;
	if (!body && error->violation_count) {
		rest_bind_names(error, &named);
		named.code = error->code;
		named.retry_after_s = error->retry_after_s;
		error_move(error, &named);
	} else if (body && strcmp(body, "*") != 0) {
		error_unnest(error, body);
	}
	request_error(request, error);
}

/* A compressed body is replaced by its content, which may be as long as a plain one. What counts
 * among the bodies held is still the memory that it came in. Return: false: refused */
static bool unpack_body(struct request *request)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	uint8_t *plain = NULL;
	size_t len = 0;
	if (!request->body_gzip || !request->body_len)
		return true;
	int r = gzip_unpack(request->body, request->body_len, request->route->body_max_bytes,
			    &plain, &len, &error);
	if (r) {
		unsigned int too_large =
			r == ERROR_CODE_RESOURCE_EXHAUSTED ? MHD_HTTP_CONTENT_TOO_LARGE : 0;
		request->protocol->put_error(request, too_large, &error);
		return false;
	}
	free(request->body);
	request->body = plain;
	request->body_len = len;
	request->body_gzip = false;
	return true;
}

bool rest_call(struct request *request)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	const struct route *route = request->route;
	struct method_result result = {0};
	ProtobufCMessage *message = NULL;
	if (!unpack_body(request))
		return true;
	int r = rest_bind(request, &message, &error);
	if (!r) {
		r = method_call(route->method, request->context->agent, &request->caller, message,
				&result, &error);
		protobuf_c_message_free_unpacked(message, NULL);
	}
	if (r)
		refuse(request, &error);
	else if (route->render)
		route->render(request, &result);
	else
		reply_message(&request->reply, MHD_HTTP_OK, result.response);
	method_result_deinit(&result);
	return true;
}
