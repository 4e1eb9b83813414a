/* rest_agent: see rest_agent.h. */
#include "api/rest/rest_agent.h"

#include "api/codec/gzip.h"
#include "api/http/request.h"
#include "api/rest/metrics.h"
#include "api/rest/openapi.h"
#include "api/rest/rest_call.h"

#include <pthread.h>

static bool handle_healthz(struct request *request)
{
	reply_text(&request->reply, MHD_HTTP_OK, "ok\n");
	return true;
}

/* Made at the first request and kept: the tables never change. */
static struct {
	pthread_mutex_t lock;
	char *text; /* NULL: not made, or memory ran out */
	size_t len;
	uint8_t *packed; /* the same, compressed; NULL: memory ran out */
	size_t packed_len;
} openapi = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void make_openapi(const struct route_table *table)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	pthread_mutex_lock(&openapi.lock);
	if (!openapi.text)
		openapi.text = openapi_document(table, PAGECAST_VERSION, &openapi.len);
	if (openapi.text && !openapi.packed)
		gzip_pack((uint8_t *)openapi.text, openapi.len, &openapi.packed,
			  &openapi.packed_len, &error);
	pthread_mutex_unlock(&openapi.lock);
}

static bool handle_openapi(struct request *request)
{
	make_openapi(request->match.table);
	if (openapi.packed && request->reply.form.gzip) {
		reply_bytes(&request->reply, MHD_HTTP_OK, "application/json",
			    (char *)openapi.packed, openapi.packed_len);
		reply_header(&request->reply, "Content-Encoding", "gzip");
	} else if (openapi.text)
		reply_bytes(&request->reply, MHD_HTTP_OK, "application/json", openapi.text,
			    openapi.len);
	else
		request_refuse(request, MHD_HTTP_INTERNAL_SERVER_ERROR, ERROR_CODE_INTERNAL,
			       "out of memory");
	return true;
}

/* Alive is not enough: would a job be taken? */
static bool handle_readyz(struct request *request)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	char warning[AGENT_WARNING_BYTES], text[AGENT_WARNING_BYTES + 32];
	if (agent_check_ready(request->context->agent, &error)) {
		request_error(request, &error);
		return true;
	}
	if (!agent_warning(request->context->agent, warning)) {
		reply_text(&request->reply, MHD_HTTP_OK, "ready\n");
		return true;
	}
	snprintf(text, sizeof text, "ready\nwarning: %s\n", warning);
	reply_text(&request->reply, MHD_HTTP_OK, text);
	return true;
}

static bool handle_metrics(struct request *request)
{
	struct json_buffer text = JSON_BUFFER_NULL;
	metrics_text(request->context->agent, request->context->counts, PAGECAST_VERSION, &text);
	if (text.failed)
		request_refuse(request, MHD_HTTP_INTERNAL_SERVER_ERROR, ERROR_CODE_INTERNAL,
			       "out of memory");
	else
		reply_bytes(&request->reply, MHD_HTTP_OK,
			    "text/plain; version=0.0.4; charset=utf-8", text.data, text.len);
	json_buffer_deinit(&text);
	if (request->reply.status == MHD_HTTP_OK)
		reply_pack(&request->reply);
	return true;
}

static const struct route ROUTES[] = {
	{.verb = ROUTE_GET,
	 .path = "/healthz",
	 .handle = handle_healthz,
	 .summary = "Whether the agent is alive.",
	 .produces = "text/plain",
	 .open = true},
	{.verb = ROUTE_GET,
	 .path = "/readyz",
	 .handle = handle_readyz,
	 .summary = "Whether the agent would accept a job; if not, the error says why. A line "
		    "`warning:` behind it tells of damage in "
		    "the store.",
	 .produces = "text/plain",
	 .open = true,
	 .blocks = true},
	{.verb = ROUTE_GET,
	 .path = "/metrics",
	 .handle = handle_metrics,
	 .summary = "Metrics in the Prometheus text format.",
	 .produces = "text/plain"},
	{.verb = ROUTE_GET,
	 .path = "/openapi.json",
	 .handle = handle_openapi,
	 .summary = "This description of the API.",
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

const struct route_list REST_AGENT_ROUTES = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
