/* rpc_judge: see rpc_judge.h. */
#include "api/rpc/rpc_judge.h"

#include "api/rpc/rpc_protocol.h"

#include <strings.h>

#define TIMEOUT_MS_MAX INT64_C(31536000000)

/* Said as Connect's unary error, whatever was meant: only HTTP is sure. */
static bool refuse_type(struct request *request)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	bool stream = request->route->schema->server_streaming;
	error_set(&error, ERROR_CODE_INVALID_ARGUMENT,
		  stream ? "Content-Type: this method streams; it takes application/connect+json, "
			   "application/connect+proto or application/grpc-web"
			 : "Content-Type must be application/json, application/proto or "
			   "application/grpc-web");
	reply_error_json(&request->reply, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, &error);
	reply_header(&request->reply, "Accept-Post",
		     "%s, application/grpc-web, application/grpc-web+proto, "
		     "application/grpc-web+json",
		     stream ? "application/connect+json, application/connect+proto"
			    : "application/json, application/proto");
	return false;
}

bool rpc_judge_type(struct request *request)
{
	const char *content_type = request_header(request, "Content-Type");
	const struct rpc_type *type = rpc_protocol_type(rpc_protocol_of(request), content_type);
	if (!type)
		return refuse_type(request);
	request->body_media = request->reply.form.media = type->codec;
	return true;
}

bool rpc_judge_encoding(struct request *request, const char *encoding, const char *supported)
{
	request->body_gzip = encoding && strcasecmp(encoding, "gzip") == 0;
	if (!encoding || request->body_gzip || strcasecmp(encoding, "identity") == 0)
		return true;
	request_refuse(request, 0, ERROR_CODE_UNIMPLEMENTED,
		       "unsupported compression \"%.40s\"; use gzip or identity", encoding);
	reply_header(&request->reply, supported, "gzip, identity");
	return false;
}

bool rpc_judge_timeout(struct request *request, int64_t timeout_ms)
{
	/* gRPC may give 99,999,999 hours: beyond a year nobody waits, and nanoseconds would
	 * overflow. */
	if (timeout_ms > TIMEOUT_MS_MAX)
		timeout_ms = TIMEOUT_MS_MAX;
	request->deadline_ms = request->started_ms + timeout_ms;
	request->caller.deadline_ns = request->deadline_ms * 1000000;
	return true;
}
