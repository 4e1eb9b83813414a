/*
 * server: see server.h. One libmicrohttpd daemon a listener, each with one epoll thread; around
 * them the reaper (connection), the pool for calls that block and the notifier for held requests
 * (live). The protocols are put together here: nothing below knows more than one.
 *
 * Stopping: listeners close, held requests are answered as things stand, the pool runs dry, answers
 * get up to LIMIT_STOP_MS to leave, and only then the daemons end: libmicrohttpd must not be
 * stopped while a connection is suspended.
 */
#include "api/server.h"

#include "api/http/connection.h"
#include "api/http/exchange.h"
#include "api/http/limits.h"
#include "api/http/listen.h"
#include "api/http/thread.h"
#include "api/http/tls.h"
#include "api/live/live.h"
#include "api/rest/rest.h"
#include "api/rest/rest_protocol.h"
#include "api/rpc/rpc.h"
#include "pagecast/watchdog.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct listener {
	struct server *server;
	struct listen_socket socket;
	struct MHD_Daemon *daemon;
	bool tls;
	/* the daemon's thread: */
	struct connection *latest; /* whose request line came last; NULL: it is gone */
	size_t in_head;		   /* connections with a request line and no whole head yet */
};

struct server {
	struct request_context context;
	const struct route_table *tables[2]; /* of the protocols */
	struct live *live;
	struct reaper *reaper;
	struct listener *listeners; /* [listener_count]; never moves once daemons run */
	size_t listener_count;
	struct tls *tls; /* NULL: TCP is served in clear */
};

/* ---- what libmicrohttpd calls ---- */

static bool begin_tls(const struct listener *listener, struct connection *connection,
		      struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	connection->tls = info ? tls_begin(listener->server->tls, info->tls_session) : NULL;
	return connection->tls;
}

static void enter_head(struct listener *listener, struct connection *connection)
{
	listener->in_head += !connection->in_head;
	connection->in_head = true;
	listener->latest = connection;
}

static void leave_head(struct listener *listener, struct connection *connection)
{
	listener->in_head -= connection->in_head;
	connection->in_head = false;
}

static void on_connection(void *context, struct MHD_Connection *mhd, void **socket_context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct listener *listener = context;
	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (*socket_context) {
			leave_head(listener, *socket_context);
			if (listener->latest == *socket_context)
				listener->latest = NULL;
			connection_free(*socket_context);
		}
		*socket_context = NULL;
		return;
	}
	const union MHD_ConnectionInfo *fd =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct connection *connection =
		fd ? connection_new(listener->server->reaper, fd->connect_fd) : NULL;
	if (connection && listener->tls && !begin_tls(listener, connection, mhd)) {
		connection_free(connection);
		connection = NULL;
	}
	if (!connection && fd)
		shutdown(fd->connect_fd, SHUT_RDWR); /* nothing would end it in time */
	*socket_context = connection;		     /* without one no request begins */
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
	struct listener *listener = context;
	struct connection *connection = connection_of(mhd);
	if (!connection || !target)
		return NULL;
	connection_due(connection, LIMIT_HEAD_MS);
	enter_head(listener, connection);
	return request_new(&listener->server->context, connection, mhd, target);
}

static enum MHD_Result on_step(void *context, struct MHD_Connection *mhd, const char *url,
			       const char *method, const char *version, const char *data,
			       size_t *len, void **request)
{
	struct connection *connection = connection_of(mhd);
	(void)url;
	if (connection)
		leave_head(context, connection);
	watchdog_busy(thread_now_ns());
	enum MHD_Result result =
		*request ? exchange_step(*request, method, version, data, len) : MHD_NO;
	watchdog_rest();
	return result;
}

static void on_completed(void *context, struct MHD_Connection *mhd, void **request,
			 enum MHD_RequestTerminationCode code)
{
	struct connection *connection = connection_of(mhd);
	(void)code;
	if (connection) {
		leave_head(context, connection);
		connection_due(connection, LIMIT_IDLE_MS);
		connection_reading(connection, true);
	}
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

/* ---- what the library would answer itself ---- */

/*
 * A Content-Length that is not a number is refused by the library before anybody else sees the
 * head, with an answer that begins twice. It says so to its log first, in the same call in which it
 * read the head: there the answer is written as it should be, and nothing more gets out.
 */
static const char BAD_LENGTH[] =
	"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/json\r\n"
	"Content-Length: 93\r\n\r\n"
	"{\"code\":\"invalid_argument\",\"message\":\"Content-Length is not a number of "
	"bytes\",\"details\":[]}\n";

static void on_library_log(void *context, const char *format, va_list args)
{
	struct listener *listener = context;
	struct connection *connection = listener->latest;
	(void)args;
	if (!strstr(format, "Content-Length") || listener->in_head != 1 || !connection ||
	    !connection->in_head)
		return;
	connection_linger(connection);
	connection_write(connection, BAD_LENGTH, sizeof BAD_LENGTH - 1);
	shutdown(connection->fd, SHUT_WR);
}

/* ---- start ---- */

/* Not strict: what strict mode refuses (a missing Host, a space in the target) head_check() refuses
 * too, and with an answer; the library's own for a missing Host has its head twice. */
static struct MHD_Daemon *start_daemon(struct listener *listener)
{
	const struct MHD_OptionItem in_clear[] = {{MHD_OPTION_END, 0, NULL}};
	const struct MHD_OptionItem by_tls[] = {
		{MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)TLS_PRIORITIES},
		{MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)tls_no_certificate},
		{MHD_OPTION_END, 0, NULL}};
	sigset_t old;
	thread_block_signals(&old);
	struct MHD_Daemon *daemon = MHD_start_daemon(
		MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC |
			MHD_USE_ERROR_LOG | (listener->tls ? MHD_USE_TLS : 0),
		0, NULL, NULL, on_step, listener, MHD_OPTION_EXTERNAL_LOGGER, on_library_log,
		listener, MHD_OPTION_LISTEN_SOCKET, listener->socket.fd,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, listener, MHD_OPTION_NOTIFY_COMPLETED,
		on_completed, listener, MHD_OPTION_URI_LOG_CALLBACK, on_target, listener,
		MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, listener, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned int)LIMIT_CONNECTIONS, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
		(unsigned int)LIMIT_CONNECTIONS_PEER, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)LIMIT_CONNECTION_MEMORY_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 0,
		MHD_OPTION_THREAD_STACK_SIZE, (size_t)LIMIT_THREAD_STACK_BYTES, MHD_OPTION_ARRAY,
		listener->tls ? by_tls : in_clear, MHD_OPTION_END);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return daemon;
}

static int add_listener(struct server *server, const char *where, const struct listen_terms *terms,
			struct error *ret_error)
{
	struct listener *listener = &server->listeners[server->listener_count];
	*listener = (struct listener){.server = server, .socket = LISTEN_SOCKET_NULL};
	int r = listen_open(where, terms, &listener->socket, ret_error);
	if (r)
		return r;
	listener->tls = terms->tls && !listener->socket.path;
	listener->daemon = start_daemon(listener);
	if (!listener->daemon) {
		int error_number = errno;
		listen_close(&listener->socket);
		return error_set(ret_error, ERROR_CODE_INTERNAL,
				 "listen %s: cannot start the HTTP server: %s", where,
				 strerror(error_number));
	}
	server->listener_count++;
	return 0;
}

static int add_listeners(struct server *server, const struct server_options *options,
			 struct error *ret_error)
{
	const struct listen_terms terms = {
		.tls = server->tls,
		.callers_proven = options->tokens_file || options->tls_client_ca_file,
		.tokens_in_clear = options->insecure_http,
	};
	server->listeners = calloc(options->listen_count ? options->listen_count : 1,
				   sizeof *server->listeners);
	if (!server->listeners)
		return error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	for (size_t i = 0; i < options->listen_count; i++) {
		bool optional =
			options->listen_optional && strncmp(options->listen[i], "unix:", 5) == 0;
		int r = add_listener(server, options->listen[i], &terms, ret_error);
		if (r && !optional)
			return r;
	}
	return 0;
}

/* Who may come in, and by which certificates. */
static int open_doors(struct server *server, const struct server_options *options,
		      struct error *ret_error)
{
	const struct tls_files files = {options->tls_cert_file, options->tls_key_file,
					options->tls_client_ca_file};
	if (!files.cert != !files.key)
		return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
				 "--tls-cert and --tls-key require each other: give both");
	if (files.client_ca && !files.cert)
		return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
				 "--tls-client-ca requires --tls-cert and --tls-key: client "
				 "certificates are part of TLS");
	int r = auth_new(&server->context.auth, options->tokens_file, ret_error);
	return r || !files.cert ? r : tls_new(&server->tls, &files, ret_error);
}

static void serve_protocols(struct server *server)
{
	server->tables[0] = &REST_ROUTES;
	server->tables[1] = rpc_routes();
	server->context.routes =
		(struct routes){server->tables, sizeof server->tables / sizeof *server->tables};
	server->context.fallback = &REST_PROTOCOL;
}

int server_start(struct server **ret_server, const struct server_options *options,
		 struct error *ret_error)
{
	struct server *server = calloc(1, sizeof *server);
	if (!server)
		return error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	struct request_context *context = &server->context;
	context->agent = options->agent;
	serve_protocols(server);
	int r = guard_init(&context->guard, options->allow_hosts, options->allow_host_count,
			   options->allow_origins, options->allow_origin_count, ret_error);
	if (!r)
		r = open_doors(server, options, ret_error);
	if (!r)
		r = reaper_start(&server->reaper, ret_error);
	if (!r)
		r = pool_start(&context->pool, ret_error);
	context->counts = request_counts_new();
	if (!r && !context->counts)
		r = error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	if (!r)
		r = live_start(&server->live, context->agent, ret_error);
	context->live = server->live;
	if (!r)
		r = add_listeners(server, options, ret_error);
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

_Static_assert((int)SERVER_CHANGE_BYTES == (int)TOKENS_CHANGE_BYTES, "one buffer");

int server_reload_tokens(struct server *server, char ret_change[static SERVER_CHANGE_BYTES],
			 struct error *ret_error)
{
	return auth_reload(server->context.auth, ret_change, ret_error);
}

int server_reload_tls(struct server *server, char ret_change[static SERVER_CHANGE_BYTES],
		      struct error *ret_error)
{
	ret_change[0] = '\0';
	int r = server->tls ? tls_reload(server->tls, ret_error) : 0;
	if (!r && server->tls)
		snprintf(ret_change, SERVER_CHANGE_BYTES,
			 "the certificate ends at %" PRId64 " s since 1970",
			 tls_expires_s(server->tls));
	return r;
}

int64_t server_certificate_expires_s(struct server *server)
{
	return server->tls ? tls_expires_s(server->tls) : INT64_MAX;
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
	if (server->live)
		live_finish(server->live);
	if (context->pool)
		pool_finish(context->pool);
	let_answers_leave(server);
	for (size_t i = 0; i < server->listener_count; i++) {
		MHD_stop_daemon(server->listeners[i].daemon);
		listen_close(&server->listeners[i].socket);
	}
	server->reaper = reaper_stop(server->reaper);
	server->live = live_free(server->live); /* after the pool: its calls make changes */
	context->counts = request_counts_free(context->counts);
	context->pool = pool_free(context->pool);
	guard_deinit(&context->guard);
	context->auth = auth_free(context->auth);
	server->tls = tls_free(server->tls);
	free(server->listeners);
	free(server);
	return NULL;
}
