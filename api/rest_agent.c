/* rest_agent: what the agent is, allows and can, and whether it is alive. */
#include "api/request.h"
#include "api/rest.h"

static bool handle_healthz(struct request *request)
{
	reply_text(request, MHD_HTTP_OK, "ok\n");
	return true;
}

static const struct route ROUTES[] = {
	{.verb = ROUTE_GET, .path = "/healthz", .handle = handle_healthz, .open = true},
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
