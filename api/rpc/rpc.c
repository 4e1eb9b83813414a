/* rpc: see rpc.h. */
#include "api/rpc/rpc.h"

#include "api/codec/json_write.h"
#include "api/codec/wire.h"
#include "api/http/limits.h"
#include "api/http/request.h"
#include "api/http/thread.h"
#include "api/live/watch.h"
#include "api/rpc/rpc_connect.h"
#include "api/rpc/rpc_grpcweb.h"
#include "api/rpc/rpc_message.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static int read_message(const struct request *request, ProtobufCMessage **ret_message,
			struct error *ret_error)
{
	struct rpc_bytes bytes = {0};
	int r = rpc_protocol_of(request)->take(request, &bytes, ret_error);
	if (!r)
		r = rpc_message_decode(request, &bytes, ret_message, ret_error);
	free(bytes.owned);
	return r;
}

static int open_stream(struct request *request, ProtobufCMessage *message, struct error *ret_error)
{
	const struct rpc_protocol *protocol = rpc_protocol_of(request);
	struct event_stream_options options = {
		.format = protocol->events,
		.content_type = rpc_protocol_answer_type(request),
		.codec = request->body_media == MEDIA_PROTOBUF ? EVENT_PROTOBUF : EVENT_JSON,
		.gzip = request->reply.form.gzip,
	};
	int r = watch_open(request, &options, message, ret_error);
	if (!r && options.gzip)
		reply_header(&request->reply, protocol->encoding_header, "gzip");
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
	if (request->body_media == MEDIA_PROTOBUF)
		r = wire_write(result.response, &data, &len, ret_error);
	else
		r = json_write(result.response, JSON_CANONICAL, (char **)&data, &len, ret_error);
	method_result_deinit(&result);
	if (!r)
		rpc_protocol_of(request)->answer(request, data, len);
	return r;
}

static int check(const struct request *request, struct error *ret_error)
{
	if (!request->route->method)
		return error_set(ret_error, ERROR_CODE_UNIMPLEMENTED,
				 "%s is not offered by this agent", request->route->schema->name);
	if (thread_now_ms() >= request->deadline_ms)
		return error_set(ret_error, ERROR_CODE_DEADLINE_EXCEEDED,
				 "deadline exceeded before the call began; nothing was done");
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
	if (request->route->schema->server_streaming)
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
		request->protocol->put_error(request, status, &error);
	return true;
}

/* ---- routes ---- */

static const struct protocol *choose_protocol(const struct request *request)
{
	const char *type = request_header(request, "Content-Type");
	if (request->route->verb == ROUTE_POST && rpc_protocol_type(&RPC_GRPC_WEB, type))
		return &RPC_GRPC_WEB.protocol;
	return request->route->schema->server_streaming ? &RPC_CONNECT_STREAM.protocol
							: &RPC_CONNECT.protocol;
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

static bool add_route(struct route_list *list, struct route *routes, enum route_verb verb,
		      const struct tables_method *rpc)
{
	char *path = NULL;
	if (asprintf(&path, "/%s/%s", rpc->service, rpc->name) < 0)
		return false;
	routes[list->count++] = (struct route){
		.verb = verb,
		.path = path,
		.handle = rpc_handle,
		.method = method_find(rpc->service, rpc->name),
		.schema = rpc,
		.choose = choose_protocol,
		.body = verb == ROUTE_POST ? "*" : NULL,
		.body_max_bytes = body_max_bytes(rpc->request),
	};
	return true;
}

static const struct route_header HEADERS[] = {
	{"Connect-Protocol-Version", false},
	{"Connect-Timeout-Ms", true},
	{"Connect-Content-Encoding", true},
	{"Connect-Accept-Encoding", false},
	{"Content-Encoding", false}, /* any protocol may have it once */
	{"Grpc-Timeout", true},
	{"Grpc-Encoding", true},
	{"Grpc-Accept-Encoding", false},
	{"X-Grpc-Web", false},
	{"X-User-Agent", false},
	{"Pagecast-Ignore-Unknown-Fields", false},
	{NULL, false},
};

static struct route_list list; /* written once, under .once; kept for the program's life */
static const struct route_list *const LISTS[] = {&list};
static const struct route_table TABLE = {
	.lists = LISTS,
	.list_count = 1,
	.prefix = "/pagecast.v1.",
	/* To an RPC client "not found" means the object asked for, not the method. */
	.unknown_path = ERROR_CODE_UNIMPLEMENTED,
	.request_headers = HEADERS,
	.response_headers = "Content-Encoding, Connect-Content-Encoding, Grpc-Encoding, "
			    "Grpc-Status, Grpc-Message, Grpc-Status-Details-Bin",
};

static void make_list(void)
{
	struct route *routes = calloc(2 * TABLES_METHOD_COUNT, sizeof *routes);
	bool made = routes;
	for (size_t i = 0; made && i < TABLES_METHOD_COUNT; i++) {
		const struct tables_method *rpc = &TABLES_METHODS[i];
		made = add_route(&list, routes, ROUTE_POST, rpc);
		if (made && rpc->no_side_effects && !rpc->server_streaming)
			made = add_route(&list, routes, ROUTE_GET, rpc);
	}
	list.routes = routes;
}

const struct route_table *rpc_routes(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, make_list);
	return &TABLE;
}
