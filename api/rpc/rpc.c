/* rpc: see rpc.h. */
#include "api/rpc/rpc.h"

#include "api/codec/gzip.h"
#include "api/codec/json.h"
#include "api/codec/wire.h"
#include "api/http/limits.h"
#include "api/http/request.h"
#include "api/http/thread.h"
#include "api/live/watch.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TIMEOUT_MS_MAX INT64_C(31536000000)

static const char PATH_PREFIX[] = "/pagecast.v1.";

static const struct rpc_face *rpc_face(const struct request *request)
{
	return (const struct rpc_face *)request->face;
}

/* ---- judging the head ---- */

static const struct rpc_type *find_type(const struct rpc_face *face, const char *content_type)
{
	for (const struct rpc_type *type = face->types; type->name; type++)
		if (media_is(content_type, type->name))
			return type;
	return NULL;
}

static const struct face *choose_face(const struct request *request)
{
	const char *type = request_header(request, "Content-Type");
	if (request->route->verb == ROUTE_POST && find_type(&RPC_GRPC_WEB, type))
		return &RPC_GRPC_WEB.face;
	return request->route->rpc->server_streaming ? &RPC_CONNECT_STREAM.face : &RPC_CONNECT.face;
}

/* What no face takes is told as Connect's unary error, whatever was meant: only HTTP is sure. */
static bool refuse_type(struct request *request)
{
	bool stream = request->route->rpc->server_streaming;
	request->face = &RPC_CONNECT.face;
	reply_refuse(
		request, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, ERROR_CODE_INVALID_ARGUMENT,
		stream ? "Content-Type: this method streams; it takes application/connect+json, "
			 "application/connect+proto or application/grpc-web"
		       : "Content-Type must be application/json, application/proto or "
			 "application/grpc-web");
	reply_header(request, "Accept-Post",
		     "%s, application/grpc-web, application/grpc-web+proto, "
		     "application/grpc-web+json",
		     stream ? "application/connect+json, application/connect+proto"
			    : "application/json, application/proto");
	return false;
}

const char *rpc_answer_type(const struct request *request)
{
	if (request->rpc.content_type)
		return request->rpc.content_type;
	const struct rpc_type *type =
		find_type(rpc_face(request), request_header(request, "Content-Type"));
	return type ? type->name : NULL;
}

bool rpc_judge_type(struct request *request)
{
	const char *content_type = request_header(request, "Content-Type");
	const struct rpc_type *type = find_type(rpc_face(request), content_type);
	if (!type)
		return refuse_type(request);
	request->rpc.codec = type->codec;
	request->rpc.content_type = type->name;
	return true;
}

bool rpc_judge_encoding(struct request *request, const char *encoding, const char *supported)
{
	request->rpc.gzip_in = encoding && strcasecmp(encoding, "gzip") == 0;
	if (!encoding || request->rpc.gzip_in || strcasecmp(encoding, "identity") == 0)
		return true;
	reply_refuse(request, 0, ERROR_CODE_UNIMPLEMENTED,
		     "the compression \"%.40s\" is not understood here; gzip and identity are",
		     encoding);
	reply_header(request, supported, "gzip, identity");
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

/* ---- messages ---- */

int rpc_unpack(const struct request *request, struct rpc_bytes *message, struct error *ret_error)
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

int rpc_take_envelope(const struct request *request, struct rpc_bytes *ret_message,
		      struct error *ret_error)
{
	struct envelope envelope;
	int r = envelope_read_only(request->body, request->body_len, &envelope, ret_error);
	if (r)
		return r;
	*ret_message = (struct rpc_bytes){envelope.message, envelope.len, NULL};
	if (!(envelope.flags & ENVELOPE_COMPRESSED))
		return 0;
	if (!request->rpc.gzip_in)
		return error_set(ret_error, ERROR_CODE_INTERNAL,
				 "the message is marked as compressed, but no header says how");
	return rpc_unpack(request, ret_message, ret_error);
}

bool rpc_pack(const struct request *request, uint8_t **message, size_t *len)
{
	return request->rpc.gzip_out && gzip_replace(message, len);
}

static int decode(const struct request *request, const struct rpc_bytes *bytes,
		  ProtobufCMessage **ret_message, struct error *ret_error)
{
	const ProtobufCMessageDescriptor *type = request->route->method->request;
	const char *lenient = request_header(request, "Pagecast-Ignore-Unknown-Fields");
	struct json_read_options options = {
		.ignore_unknown = lenient && strcmp(lenient, "1") == 0,
		.judge = method_judge,
	};
	if (request->rpc.codec == MEDIA_PROTOBUF)
		return wire_read(type, bytes->data, bytes->len, options.ignore_unknown, ret_message,
				 ret_error);
	if (!bytes->len)
		return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
				 "the message is empty; a %s as JSON is wanted, {} at the least",
				 type->short_name);
	return json_read(type, (const char *)bytes->data, bytes->len, &options, ret_message,
			 ret_error);
}

static int read_message(const struct request *request, ProtobufCMessage **ret_message,
			struct error *ret_error)
{
	struct rpc_bytes bytes = {0};
	int r = rpc_face(request)->take(request, &bytes, ret_error);
	if (!r)
		r = decode(request, &bytes, ret_message, ret_error);
	free(bytes.owned);
	return r;
}

/* ---- calling ---- */

static int open_stream(struct request *request, ProtobufCMessage *message, struct error *ret_error)
{
	const struct rpc_face *face = rpc_face(request);
	bool protobuf = request->rpc.codec == MEDIA_PROTOBUF;
	struct stream_options options = {
		.face = face->stream,
		.codec = protobuf ? STREAM_PROTOBUF : STREAM_JSON,
		.gzip = request->rpc.gzip_out,
		.deadline_ms = request->deadline_ms,
	};
	int r = watch_open(request, &options, message, ret_error);
	if (!r && options.gzip)
		reply_header(request, face->encoding_header, "gzip");
	return r;
}

static int call(struct request *request, const ProtobufCMessage *message, struct error *ret_error)
{
	struct method_result result = {0};
	uint8_t *data = NULL;
	size_t len = 0;
	int r = method_call(request->route->method, request->context->agent, &request->caller,
			    message, &result, ret_error);
	if (r)
		return r;
	if (request->rpc.codec == MEDIA_PROTOBUF)
		r = wire_write(result.response, &data, &len, ret_error);
	else
		r = json_write(result.response, JSON_CANONICAL, (char **)&data, &len, ret_error);
	method_result_deinit(&result);
	if (!r)
		rpc_face(request)->answer(request, data, len);
	return r;
}

static int check(const struct request *request, struct error *ret_error)
{
	if (!request->route->method)
		return error_set(ret_error, ERROR_CODE_UNIMPLEMENTED,
				 "%s is not offered by this agent", request->route->rpc->name);
	if (thread_now_ms() >= request->deadline_ms)
		return error_set(ret_error, ERROR_CODE_DEADLINE_EXCEEDED,
				 "the time that the caller gave is over; nothing was done");
	return 0;
}

/* *ret_status: where HTTP knows a better status than that of the code. */
static int handle(struct request *request, unsigned int *ret_status, struct error *ret_error)
{
	ProtobufCMessage *message = NULL;
	int r = check(request, ret_error);
	if (r)
		return r;
	r = read_message(request, &message, ret_error);
	if (r == ERROR_CODE_RESOURCE_EXHAUSTED) /* too long once unpacked */
		*ret_status = MHD_HTTP_CONTENT_TOO_LARGE;
	if (r)
		return r;
	if (request->route->rpc->server_streaming)
		return open_stream(request, message, ret_error);
	r = call(request, message, ret_error);
	protobuf_c_message_free_unpacked(message, NULL);
	return r;
}

static bool rpc_handle(struct request *request)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	unsigned int status = 0;
	if (handle(request, &status, &error))
		request->face->put_error(request, status, &error);
	return true;
}

/* ---- routes ---- */

bool rpc_is_path(const char *path)
{
	return strncmp(path, PATH_PREFIX, sizeof PATH_PREFIX - 1) == 0;
}

/* A message with a JobSpec in it may be as long as one; the others are a few fields. */
static size_t body_max_bytes(const ProtobufCMessageDescriptor *request)
{
	for (unsigned int i = 0; i < request->n_fields; i++)
		if (request->fields[i].type == PROTOBUF_C_TYPE_MESSAGE &&
		    request->fields[i].descriptor == &pagecast__v1__job_spec__descriptor)
			return LIMIT_BODY_SPEC_BYTES;
	return LIMIT_BODY_SMALL_BYTES;
}

static bool add_route(struct route_table *table, struct route *routes, enum route_verb verb,
		      const struct tables_method *rpc)
{
	char *path = NULL;
	if (asprintf(&path, "/%s/%s", rpc->service, rpc->name) < 0)
		return false;
	routes[table->count++] = (struct route){
		.verb = verb,
		.path = path,
		.handle = rpc_handle,
		.method = method_find(rpc->service, rpc->name),
		.rpc = rpc,
		.face = choose_face,
		.body = verb == ROUTE_POST ? "*" : NULL,
		.body_max_bytes = body_max_bytes(rpc->request),
	};
	return true;
}

static struct route_table table; /* written once, under .once; kept for the program's life */

static void make_table(void)
{
	struct route *routes = calloc(2 * TABLES_METHOD_COUNT, sizeof *routes);
	bool made = routes;
	for (size_t i = 0; made && i < TABLES_METHOD_COUNT; i++) {
		const struct tables_method *rpc = &TABLES_METHODS[i];
		made = add_route(&table, routes, ROUTE_POST, rpc);
		if (made && rpc->no_side_effects && !rpc->server_streaming)
			made = add_route(&table, routes, ROUTE_GET, rpc);
	}
	table.routes = routes;
}

const struct route_table *rpc_routes(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, make_table);
	return &table;
}
