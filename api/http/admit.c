/* admit: see admit.h. */
#include "api/http/admit.h"

#include "api/http/cors.h"
#include "api/http/thread.h"
#include "api/http/tls.h"
#include "pagecast/audit.h"

#include <string.h>
#include <unistd.h>

_Static_assert((int)TLS_NAME_MAX <= (int)AUTH_NAME_MAX, "a certificate's name is a principal");

static bool judge_head(struct request *request, const char *method, const char *version)
{
	const struct head_line line = {method, request->target, request->query, version};
	const struct fields_line wire = {method, request->wire_target, version,
					 request->wire_target_len};
	struct head_fault fault;
	const char *fields_fault = fields_read(request->mhd, &wire, &request->fields);
	if (head_check(&request->fields, fields_fault, &line, &request->context->routes,
		       &request->head, &fault))
		return true;
	request_refuse(request, fault.status, fault.code, "%s", fault.why);
	request->reply.close = true;
	return false;
}

static bool judge_page(struct request *request)
{
	const struct guard *guard = &request->context->guard;
	const struct connection *connection = request->connection;
	const char *host = request_host(request);
	const char *origin = request_header(request, "Origin");
	if (host && !guard_host_valid(host)) {
		request_refuse(request, MHD_HTTP_BAD_REQUEST, ERROR_CODE_INVALID_ARGUMENT,
			       "Host: \"%.100s\" is not a name or an address, with a port up to "
			       "65535 or none",
			       host);
		request->reply.close = true;
		return false;
	}
	if (!connection->is_unix && !guard_host(guard, host, &connection->local)) {
		request_refuse(request, MHD_HTTP_FORBIDDEN, ERROR_CODE_PERMISSION_DENIED,
			       "the header Host names neither an address nor a name of this agent; "
			       "pagecastd --allow-host NAME allows another");
		return false;
	}
	if (origin && !guard_origin(guard, origin, host, connection->tls)) {
		request_refuse(request, MHD_HTTP_FORBIDDEN, ERROR_CODE_PERMISSION_DENIED,
			       "a web page of another origin may not use this agent; "
			       "pagecastd --allow-origin ORIGIN allows one");
		return false;
	}
	return true;
}

static void answer_options(struct request *request, const char *allow)
{
	reply_empty(&request->reply, MHD_HTTP_NO_CONTENT);
	reply_header(&request->reply, "Allow", "%s", allow);
	if (request_header(request, "Access-Control-Request-Method"))
		cors_preflight(&request->reply, &request->context->routes, allow);
}

static bool judge_path(struct request *request)
{
	const struct routes *routes = &request->context->routes;
	char allow[ROUTE_ALLOW_BYTES];
	bool known;
	bool all = request->head.verb == ROUTE_OPTIONS && strcmp(request->target, "*") == 0;
	const char *fault = all ? NULL : route_path_fault(request->target);
	if (fault) {
		request_refuse(request, MHD_HTTP_BAD_REQUEST, ERROR_CODE_INVALID_ARGUMENT, "%s",
			       fault);
		request->reply.close = true;
		return false;
	}
	request->route =
		route_find(routes, request->head.verb, request->target, &request->match, &known);
	if (request->route) {
		if (request->route->choose)
			request->protocol = request->route->choose(request);
		return true;
	}
	if (!known && !all) {
		request_refuse(request, MHD_HTTP_NOT_FOUND,
			       route_unknown_path(routes, request->target), "no such path: %.256s",
			       request->target);
		return false;
	}
	route_allow(routes, all ? NULL : request->target, allow);
	if (request->head.verb == ROUTE_OPTIONS) {
		answer_options(request, allow);
		return false;
	}
	request_refuse(request, MHD_HTTP_METHOD_NOT_ALLOWED, ERROR_CODE_UNIMPLEMENTED,
		       "%.256s supports only %s", request->target, allow);
	reply_header(&request->reply, "Allow", "%s", allow);
	return false;
}

/* Nobody's request reaches no method; that it was made is worth a line. */
static void audit_stranger(const struct request *request, const struct error *error)
{
	const struct method *method = request->route->method;
	audit_write(&(struct audit_entry){
		.accessor = request->identity.accessor,
		.claimed = request->identity.claimed,
		.peer = request->connection->peer,
		.action = method ? method->name : request->route->path,
		.verdict = error->code,
		.reason = error_message(error),
	});
}

static int certificate_name(const void *session, char ret_name[static AUTH_NAME_MAX + 1],
			    struct error *ret_error)
{
	return tls_client_name(session, ret_name, ret_error);
}

static struct auth_evidence evidence_of(const struct connection *connection)
{
	bool certificate = connection->tls && tls_has_client(connection->tls);
	return (struct auth_evidence){
		.principal = connection->principal,
		.remote = &connection->remote,
		.owner = connection->is_unix && connection->uid_known &&
			 (connection->uid == 0 || connection->uid == geteuid()),
		.certificate_name = certificate ? certificate_name : NULL,
		.session = connection->tls,
		.now_ns = thread_now_ns(),
	};
}

static bool judge_caller(struct request *request)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	if (atomic_load(&request->context->stopping)) {
		request_refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE, ERROR_CODE_UNAVAILABLE,
			       "the agent is stopping");
		request->reply.close = true;
		return false;
	}
	if (request->route->open)
		return true;
	const char *authorization = request_header(request, "Authorization");
	struct auth_evidence evidence = evidence_of(request->connection);
	if (auth_identify(request->context->auth, &evidence, authorization, &request->identity,
			  &error)) {
		audit_stranger(request, &error);
		request_error(request, &error);
		return false;
	}
	request->caller = (struct agent_caller){
		.principal = request->identity.principal,
		.accessor = request->identity.accessor,
		.role = request->identity.role,
		.peer = request->connection->peer,
	};
	return true;
}

void admit_refuse_size(struct request *request)
{
	request_refuse(request, MHD_HTTP_CONTENT_TOO_LARGE, ERROR_CODE_RESOURCE_EXHAUSTED,
		       "the body is longer than the maximum of %zu bytes for this path",
		       request->route->body_max_bytes);
}

/* An empty body is none. */
static bool judge_body(struct request *request)
{
	if (request->route->body || (!request->head.content_length && !request->head.chunked))
		return true;
	request_refuse(request, MHD_HTTP_BAD_REQUEST, ERROR_CODE_INVALID_ARGUMENT,
		       "this path takes no request body");
	return false;
}

static bool judge_size(struct request *request)
{
	if (!request->route->body || request->head.content_length <= request->route->body_max_bytes)
		return true;
	admit_refuse_size(request);
	return false;
}

bool admit_head(struct request *request, const char *method, const char *version)
{
	return judge_head(request, method, version) && judge_page(request) && judge_path(request) &&
	       judge_caller(request) && judge_body(request) && request->protocol->judge(request) &&
	       judge_size(request);
}
