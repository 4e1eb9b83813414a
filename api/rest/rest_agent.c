/* rest_agent: what the agent is, allows and can, and whether it is alive. */
#include "api/codec/gzip.h"
#include "api/http/request.h"
#include "api/rest/metrics.h"
#include "api/rest/openapi.h"
#include "api/rest/rest.h"

#include <pthread.h>

static bool handle_healthz(struct request *request)
{
	reply_text(request, MHD_HTTP_OK, "ok\n");
	return true;
}

/* Made at the first request and kept: the tables never change. */
static struct {
	pthread_once_t once;
	char *text;
	size_t len;
	uint8_t *packed; /* the same, compressed; NULL: memory ran out */
	size_t packed_len;
} openapi = {.once = PTHREAD_ONCE_INIT};

static void make_openapi(void)
{
	size_t count;
	const struct route_table *const *tables = route_tables(&count);
	_cleanup_error_ struct error error = ERROR_NULL;
	openapi.text = openapi_document(tables, count, PAGECAST_VERSION, &openapi.len);
	if (openapi.text)
		gzip_pack((uint8_t *)openapi.text, openapi.len, &openapi.packed,
			  &openapi.packed_len, &error);
}

static bool handle_openapi(struct request *request)
{
	pthread_once(&openapi.once, make_openapi);
	if (openapi.packed && request->accept_gzip) {
		reply_bytes(request, MHD_HTTP_OK, "application/json", (char *)openapi.packed,
			    openapi.packed_len);
		reply_header(request, "Content-Encoding", "gzip");
	} else if (openapi.text)
		reply_bytes(request, MHD_HTTP_OK, "application/json", openapi.text, openapi.len);
	else
		reply_refuse(request, MHD_HTTP_INTERNAL_SERVER_ERROR, ERROR_CODE_INTERNAL,
			     "out of memory");
	return true;
}

/* Alive is not enough: would a job be taken? */
static bool handle_readyz(struct request *request)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	if (agent_check_ready(request->context->agent, &error))
		reply_error(request, &error);
	else
		reply_text(request, MHD_HTTP_OK, "ready\n");
	return true;
}

static bool handle_metrics(struct request *request)
{
	struct json_buffer text = JSON_BUFFER_NULL;
	metrics_text(request->context->agent, request->context->metrics, PAGECAST_VERSION, &text);
	if (text.failed)
		reply_refuse(request, MHD_HTTP_INTERNAL_SERVER_ERROR, ERROR_CODE_INTERNAL,
			     "out of memory");
	else
		reply_bytes(request, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8",
			    text.data, text.len);
	json_buffer_deinit(&text);
	if (request->reply.status == MHD_HTTP_OK)
		reply_pack(request);
	return true;
}

static const struct route ROUTES[] = {
	{.verb = ROUTE_GET,
	 .path = "/healthz",
	 .handle = handle_healthz,
	 .summary = "Is the agent alive?",
	 .produces = "text/plain",
	 .open = true},
	{.verb = ROUTE_GET,
	 .path = "/readyz",
	 .handle = handle_readyz,
	 .summary = "Would the agent take a job? If not, the error says why.",
	 .produces = "text/plain",
	 .open = true,
	 .blocks = true},
	{.verb = ROUTE_GET,
	 .path = "/metrics",
	 .handle = handle_metrics,
	 .summary = "Figures for Prometheus.",
	 .produces = "text/plain"},
	{.verb = ROUTE_GET,
	 .path = "/openapi.json",
	 .handle = handle_openapi,
	 .summary = "This description.",
	 .produces = "application/json",
	 .open = true},
	{.verb = ROUTE_GET,
	 .path = "/v1/agent",
	 .handle = rest_call,
	 .method = &METHODS[METHOD_GET_AGENT]},
	{.verb = ROUTE_GET,
	 .path = "/v1/policy",
	 .handle = rest_call,
	 .method = &METHODS[METHOD_GET_POLICY]},
	{.verb = ROUTE_GET,
	 .path = "/v1/interfaces",
	 .handle = rest_call,
	 .method = &METHODS[METHOD_LIST_INTERFACES]},
	{.verb = ROUTE_GET,
	 .path = "/v1/engines",
	 .handle = rest_call,
	 .method = &METHODS[METHOD_LIST_ENGINES]},
};

const struct route_table REST_AGENT_ROUTES = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
