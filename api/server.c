/*
 * server: see server.h. One libmicrohttpd daemon a listener, each with one epoll thread; around
 * them the reaper (connection), the pool for calls that block and the notifier for held requests
 * (wait).
 *
 * Stopping: listeners close, held requests are answered as things stand, the pool runs dry, answers
 * get up to LIMIT_STOP_MS to leave, and only then the daemons end: libmicrohttpd must not be
 * stopped while a connection is suspended.
 */
#include "api/server.h"

#include "api/connection.h"
#include "api/limits.h"
#include "api/listen.h"
#include "api/request.h"
#include "api/thread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct listener {
	struct server *server;
	struct listen_socket socket;
	struct MHD_Daemon *daemon;
};

struct server {
	struct request_context context;
	struct reaper *reaper;
	struct listener *listeners; /* [listener_count]; never moves once daemons run */
	size_t listener_count;
};

/* ---- what libmicrohttpd calls ---- */

static void on_connection(void *context, struct MHD_Connection *mhd, void **socket_context,
			  enum MHD_ConnectionNotificationCode code)
{
	const struct listener *listener = context;
	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (*socket_context)
			connection_free(*socket_context);
		*socket_context = NULL;
		return;
	}
	const union MHD_ConnectionInfo *fd =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	*socket_context = fd ? connection_new(listener->server->reaper, fd->connect_fd) : NULL;
}

static struct connection *connection_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	return info ? info->socket_context : NULL;
}

/* The request line is there, untouched: the request begins. */
static void *on_target(void *context, const char *target, struct MHD_Connection *mhd)
{
	const struct listener *listener = context;
	struct connection *connection = connection_of(mhd);
	if (!connection || !target)
		return NULL;
	connection_due(connection, LIMIT_HEAD_MS);
	return request_new(&listener->server->context, connection, mhd, target);
}

static enum MHD_Result on_step(void *context, struct MHD_Connection *mhd, const char *url,
			       const char *method, const char *version, const char *data,
			       size_t *len, void **request)
{
	(void)context;
	(void)mhd;
	(void)url;
	return *request ? request_step(*request, method, version, data, len) : MHD_NO;
}

static void on_completed(void *context, struct MHD_Connection *mhd, void **request,
			 enum MHD_RequestTerminationCode code)
{
	struct connection *connection = connection_of(mhd);
	(void)context;
	(void)code;
	if (connection)
		connection_due(connection, LIMIT_IDLE_MS);
	if (*request)
		request_free(*request);
	*request = NULL;
}

/* Paths and queries stay as they were sent. */
static size_t on_unescape(void *context, struct MHD_Connection *mhd, char *text)
{
	(void)context;
	(void)mhd;
	return strlen(text);
}

/* ---- start ---- */

/* Not strict: what strict mode refuses (a missing Host, a space in the target) head_check() refuses
 * too, and with an answer; the library's own for a missing Host has its head twice. */
static struct MHD_Daemon *start_daemon(struct listener *listener)
{
	sigset_t old;
	thread_block_signals(&old);
	struct MHD_Daemon *daemon = MHD_start_daemon(
		MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC, 0, NULL,
		NULL, on_step, listener, MHD_OPTION_LISTEN_SOCKET, listener->socket.fd,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, listener, MHD_OPTION_NOTIFY_COMPLETED,
		on_completed, listener, MHD_OPTION_URI_LOG_CALLBACK, on_target, listener,
		MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, listener, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned int)LIMIT_CONNECTIONS, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
		(unsigned int)LIMIT_CONNECTIONS_PEER, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)LIMIT_CONNECTION_MEMORY_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 0,
		MHD_OPTION_THREAD_STACK_SIZE, (size_t)LIMIT_THREAD_STACK_BYTES, MHD_OPTION_END);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return daemon;
}

static int add_listener(struct server *server, const char *where, struct error *ret_error)
{
	struct listener *listener = &server->listeners[server->listener_count];
	*listener = (struct listener){.server = server, .socket = LISTEN_SOCKET_NULL};
	int r = listen_open(where, &listener->socket, ret_error);
	if (r)
		return r;
	listener->daemon = start_daemon(listener);
	if (!listener->daemon) {
		int error_number = errno;
		listen_close(&listener->socket);
		return error_set(ret_error, ERROR_CODE_INTERNAL,
				 "listen %s: the HTTP daemon does not start: %s", where,
				 strerror(error_number));
	}
	server->listener_count++;
	return 0;
}

static int add_listeners(struct server *server, const struct server_options *options,
			 struct error *ret_error)
{
	server->listeners = calloc(options->listen_count ? options->listen_count : 1,
				   sizeof *server->listeners);
	if (!server->listeners)
		return error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	for (size_t i = 0; i < options->listen_count; i++) {
		bool optional =
			options->listen_optional && strncmp(options->listen[i], "unix:", 5) == 0;
		int r = add_listener(server, options->listen[i], ret_error);
		if (r && !optional)
			return r;
	}
	return 0;
}

int server_start(struct server **ret_server, const struct server_options *options,
		 struct error *ret_error)
{
	struct server *server = calloc(1, sizeof *server);
	if (!server)
		return error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	struct request_context *context = &server->context;
	context->agent = options->agent;
	int r = guard_init(&context->guard, options->allow_hosts, options->allow_host_count,
			   options->allow_origins, options->allow_origin_count, ret_error);
	if (!r)
		r = reaper_start(&server->reaper, ret_error);
	if (!r)
		r = pool_start(&context->pool, ret_error);
	if (!r)
		r = waits_start(&context->waits, ret_error);
	if (!r) {
		agent_set_listener(context->agent, waits_changed, context->waits);
		r = add_listeners(server, options, ret_error);
	}
	if (r) {
		server_stop(server);
		return r;
	}
	*ret_server = server;
	return 0;
}

const char *server_url(const struct server *server, size_t index)
{
	return index < server->listener_count ? server->listeners[index].socket.url : NULL;
}

/* ---- stop ---- */

/* The library gives the socket back and polls it no more; connections live on. */
static void stop_listening(struct server *server)
{
	for (size_t i = 0; i < server->listener_count; i++) {
		struct listener *listener = &server->listeners[i];
		listen_unlink(&listener->socket);
		MHD_quiesce_daemon(listener->daemon);
	}
}

static void let_answers_leave(struct server *server)
{
	int64_t until_ms = thread_now_ms() + LIMIT_STOP_MS;
	while (atomic_load(&server->context.unanswered) && thread_now_ms() < until_ms)
		usleep(2000);
}

struct server *server_stop(struct server *server)
{
	if (!server)
		return NULL;
	struct request_context *context = &server->context;
	atomic_store(&context->stopping, true);
	stop_listening(server);
	if (context->waits) {
		agent_set_listener(context->agent, NULL, NULL);
		waits_finish(context->waits);
	}
	if (context->pool)
		pool_finish(context->pool);
	let_answers_leave(server);
	for (size_t i = 0; i < server->listener_count; i++) {
		MHD_stop_daemon(server->listeners[i].daemon);
		listen_close(&server->listeners[i].socket);
	}
	server->reaper = reaper_stop(server->reaper);
	context->waits = waits_free(context->waits);
	context->pool = pool_free(context->pool);
	guard_deinit(&context->guard);
	free(server->listeners);
	free(server);
	return NULL;
}
