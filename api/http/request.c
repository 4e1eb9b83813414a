/* request: see request.h. */
#include "api/http/request.h"

#include "api/http/thread.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* "http://host:8470/path" names host and path; the host then counts instead of the header
 * (RFC 9112, 3.2.2). Return: 0; -ENOMEM */
static int take_target(struct request *request, const char *target, bool tls)
{
	const char *scheme = tls ? "https://" : "http://";
	size_t len = strlen(scheme);
	if (strncasecmp(target, scheme, len) == 0) {
		target += len;
		size_t host_len = strcspn(target, "/?");
		request->authority = strndup(target, host_len);
		if (!request->authority)
			return -ENOMEM;
		target += host_len;
	}
	if (asprintf(&request->target, "%s%s", request->authority && *target != '/' ? "/" : "",
		     target) >= 0)
		return 0;
	free(request->authority);
	return -ENOMEM;
}

struct request *request_new(struct request_context *context, struct connection *connection,
			    struct MHD_Connection *mhd, const char *target)
{
	struct request *request = calloc(1, sizeof *request);
	if (!request)
		return NULL;
	request->wire_target = target;
	request->wire_target_len = strlen(target);
	if (take_target(request, target, connection->tls) < 0) {
		free(request);
		return NULL;
	}
	request->context = context;
	request->connection = connection;
	request->mhd = mhd;
	request->started_ns = thread_now_ns();
	request->started_ms = request->started_ns / 1000000;
	request->reply.form.media = MEDIA_JSON;
	request->protocol = context->fallback;
	request->deadline_ms = INT64_MAX;
	char *query = strchr(request->target, '?');
	if (query) {
		*query = '\0';
		request->query = query + 1;
	}
	return request;
}

void request_drop_body(struct request *request)
{
	atomic_fetch_sub(&request->context->bodies_bytes, request->body_capacity);
	free(request->body);
	request->body = NULL;
	request->body_len = request->body_capacity = 0;
}

void request_free(struct request *request)
{
	struct request_context *context = request->context;
	request_drop_body(request);
	reply_deinit(&request->reply);
	free(request->handler_state);
	free(request->target);
	free(request->authority);
	fields_free(&request->fields);
	if (request->counted)
		atomic_fetch_sub(&context->unanswered, 1);
	free(request);
}

const char *request_header(const struct request *request, const char *name)
{
	return fields_get(&request->fields, name);
}

bool request_ignores_unknown(const struct request *request)
{
	const char *asked = request_header(request, "Pagecast-Ignore-Unknown-Fields");
	return asked && strcmp(asked, "1") == 0;
}

const char *request_host(const struct request *request)
{
	return request->authority ? request->authority : request_header(request, "Host");
}

void request_error(struct request *request, const struct error *error)
{
	request->protocol->put_error(request, 0, error);
}

void request_refuse(struct request *request, unsigned int status, enum error_code code,
		    const char *format, ...)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	char *message = NULL;
	va_list args;
	va_start(args, format);
	int n = vasprintf(&message, format, args);
	va_end(args);
	error_set(&error, code, "%s", n < 0 ? "out of memory" : message);
	if (n >= 0)
		free(message);
	request->protocol->put_error(request, status, &error);
}

void request_suspend(struct request *request)
{
	request->stage = REQUEST_WORKING;
	connection_due(request->connection, INT64_MAX);
	MHD_suspend_connection(request->mhd);
}

void request_resume(struct request *request)
{
	struct MHD_Connection *mhd = request->mhd;
	request->stage = REQUEST_ANSWERED;
	MHD_resume_connection(mhd); /* the request may be gone from here on */
}
