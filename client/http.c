/* http: see http.h. One multi handle; an exchange is an easy handle that lives until done. */
#include "http.h"
#include "util.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

enum { CONNECT_TIMEOUT_MS = 5000 };

struct http_exchange {
	struct http *http;
	const struct http_peer *peer; /* borrowed */
	CURL *easy;
	struct curl_slist *headers;
	char fault[CURL_ERROR_SIZE];
	struct http_response response;
	size_t capacity;
	bool too_large;
	http_done done;
	http_data data;
	void *context;
	struct http_exchange *next;
};

struct http {
	CURLM *multi;
	struct http_credentials credentials;
	struct http_exchange *exchanges;
};

void http_response_deinit(struct http_response *response)
{
	free(response->fault);
	free(response->body);
	free(response->content_type);
	free(response->etag);
	*response = (struct http_response){0};
}

struct http *http_new(const struct http_credentials *credentials)
{
	struct http *http = util_calloc(1, sizeof *http);
	http->credentials = *credentials;
	http->multi = curl_global_init(CURL_GLOBAL_DEFAULT) ? NULL : curl_multi_init();
	if (!http->multi) {
		fputs("pagecast: cannot initialise libcurl\n", stderr);
		exit(EXIT_FAILED);
	}
	return http;
}

static void exchange_free(struct http_exchange *exchange)
{
	struct http_exchange **at = &exchange->http->exchanges;
	while (*at != exchange)
		at = &(*at)->next;
	*at = exchange->next;
	curl_multi_remove_handle(exchange->http->multi, exchange->easy);
	curl_easy_cleanup(exchange->easy);
	curl_slist_free_all(exchange->headers);
	http_response_deinit(&exchange->response);
	free(exchange);
}

struct http *http_free(struct http *http)
{
	if (!http)
		return NULL;
	while (http->exchanges)
		exchange_free(http->exchanges);
	curl_multi_cleanup(http->multi);
	curl_global_cleanup();
	free(http);
	return NULL;
}

static size_t take_body(char *data, size_t one, size_t len, void *context)
{
	(void)one;
	struct http_exchange *exchange = context;
	struct http_response *response = &exchange->response;
	long status = 0;
	if (exchange->data)
		curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status == 200) {
		exchange->data(exchange->context, data, len);
		return len;
	}
	if (response->len + len > HTTP_BODY_MAX) {
		exchange->too_large = true;
		return 0;
	}
	if (response->len + len + 1 > exchange->capacity) {
		size_t capacity = MAX(response->len + len + 1, exchange->capacity * 2);
		char *grown = realloc(response->body, capacity);
		if (!grown)
			return 0;
		response->body = grown;
		exchange->capacity = capacity;
	}
	memcpy(response->body + response->len, data, len);
	response->len += len;
	response->body[response->len] = 0;
	return len;
}

/* The value of a header line when it has this name; owned. */
static char *header_value(const char *line, size_t len, const char *name)
{
	size_t name_len = strlen(name);
	if (len <= name_len || line[name_len] != ':' || strncasecmp(line, name, name_len) != 0)
		return NULL;
	const char *start = line + name_len + 1, *end = line + len;
	while (start < end && isspace((unsigned char)*start))
		start++;
	while (end > start && isspace((unsigned char)end[-1]))
		end--;
	return util_strndup(start, (size_t)(end - start));
}

static size_t take_header(char *line, size_t one, size_t len, void *context)
{
	(void)one;
	struct http_response *response = &((struct http_exchange *)context)->response;
	char *value = header_value(line, len, "ETag");
	if (value) {
		free(response->etag);
		response->etag = value;
	}
	_cleanup_free_ char *retry_after = header_value(line, len, "Retry-After");
	if (retry_after)
		response->retry_after_s = strtol(retry_after, NULL, 10);
	return len;
}

static void add_header(struct http_exchange *exchange, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void add_header(struct http_exchange *exchange, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	_cleanup_free_ char *line = util_vprintf(format, args);
	va_end(args);
	struct curl_slist *headers = curl_slist_append(exchange->headers, line);
	if (headers)
		exchange->headers = headers;
}

static void set_headers(struct http_exchange *exchange, const struct http_request *request)
{
	if (request->accept)
		add_header(exchange, "Accept: %s", request->accept);
	if (request->body)
		add_header(exchange, "Content-Type: %s", request->content_type);
	else
		add_header(exchange, "Content-Type:"); /* otherwise curl sends the type of a form */
	add_header(exchange, "Expect:");	       /* bodies are small: no extra round trip */
	if (exchange->http->credentials.token)
		add_header(exchange, "Authorization: Bearer %s", exchange->http->credentials.token);
	for (size_t i = 0; i < HTTP_HEADERS_MAX && request->headers[i]; i++)
		add_header(exchange, "%s", request->headers[i]);
	curl_easy_setopt(exchange->easy, CURLOPT_HTTPHEADER, exchange->headers);
}

static void set_method(CURL *easy, const struct http_request *request)
{
	if (strcmp(request->method, "GET") == 0)
		return;
	if (strcmp(request->method, "DELETE") != 0 || request->body) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
		curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->body ? request->body : "");
	}
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

static void set_peer(CURL *easy, const struct http *http, const struct http_peer *peer,
		     const char *path)
{
	_cleanup_free_ char *url = util_printf("%s%s", peer->base, path);
	curl_easy_setopt(easy, CURLOPT_URL, url); /* copied */
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	if (peer->socket)
		curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, peer->socket);
	if (http->credentials.ca_file)
		curl_easy_setopt(easy, CURLOPT_CAINFO, http->credentials.ca_file);
	if (http->credentials.cert_file)
		curl_easy_setopt(easy, CURLOPT_SSLCERT, http->credentials.cert_file);
	if (http->credentials.key_file)
		curl_easy_setopt(easy, CURLOPT_SSLKEY, http->credentials.key_file);
}

struct http_exchange *http_start(struct http *http, const struct http_peer *peer,
				 const struct http_request *request, http_done done, void *context)
{
	struct http_exchange *exchange = util_calloc(1, sizeof *exchange);
	exchange->http = http;
	exchange->peer = peer;
	exchange->done = done;
	exchange->data = request->data;
	exchange->context = context;
	CURL *easy = exchange->easy = curl_easy_init();
	if (!easy) {
		fputs("pagecast: cannot create a libcurl handle\n", stderr);
		exit(EXIT_FAILED);
	}
	set_peer(easy, http, peer, request->path);
	set_method(easy, request);
	set_headers(exchange, request);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE,
			 1L); /* so that a stream notices a cut cable */
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "pagecast/" PAGECAST_VERSION);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, request->timeout_ms);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->fault);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, exchange);
	exchange->next = http->exchanges;
	http->exchanges = exchange;
	curl_multi_add_handle(http->multi, easy);
	return exchange;
}

void http_abort(struct http_exchange *exchange)
{
	if (exchange)
		exchange_free(exchange);
}

static char *lower_first(const char *text)
{
	char *copy = util_strdup(text);
	if (isupper((unsigned char)copy[0]) && islower((unsigned char)copy[1]))
		copy[0] = (char)tolower((unsigned char)copy[0]);
	return copy;
}

/* The number behind @mark in @text; 0: there is none. */
static long number_behind(const char *text, const char *mark, int base)
{
	const char *at = strstr(text, mark);
	return at ? strtol(at + strlen(mark), NULL, base) : 0;
}

/*
 * Did the other side refuse the TLS connection? libcurl has no code for it, but hands on the number
 * that its TLS library gives: GnuTLS "… error (-12): …", GNUTLS_E_FATAL_ALERT_RECEIVED; OpenSSL
 * "error:0A00045C:…", whose low 23 bits are 1000 and the number of the alert.
 */
static bool is_tls_alert(const char *fault)
{
	enum {
		GNUTLS_ALERT = -12,
		OPENSSL_REASON = 0x7fffff,
		OPENSSL_ALERT = 1000,
		ALERT_MAX = 255
	};
	long alert = (number_behind(fault, "error:", 16) & OPENSSL_REASON) - OPENSSL_ALERT;
	return number_behind(fault, "error (", 10) == GNUTLS_ALERT ||
	       (alert >= 0 && alert <= ALERT_MAX);
}

/* What to do about a fault in libcurl's words; "": nothing to add. */
static const char *advice(const struct http_exchange *exchange, CURLcode code)
{
	const struct http_credentials *credentials = &exchange->http->credentials;
	const struct http_peer *peer = exchange->peer;
	bool alert = is_tls_alert(exchange->fault);
	if (code == CURLE_PEER_FAILED_VERIFICATION && !credentials->ca_file)
		return "; --ca FILE names the certificates to trust";
	if ((code == CURLE_RECV_ERROR || code == CURLE_SSL_CONNECT_ERROR) && alert)
		return credentials->cert_file
			       ? "; the agent does not accept the client certificate"
			       : "; the agent may require a client certificate: --cert and --key";
	if (code == CURLE_GOT_NOTHING && !peer->socket && strncmp(peer->base, "http:", 5) == 0)
		return "; if it speaks TLS, write https://";
	return "";
}

static char *curl_fault(const struct http_exchange *exchange, CURLcode code)
{
	_cleanup_free_ char *fault =
		lower_first(*exchange->fault ? exchange->fault : curl_easy_strerror(code));
	size_t len = strlen(fault);
	if (len && fault[len - 1] == '.')
		fault[len - 1] = '\0';
	return util_printf("%s%s", fault, advice(exchange, code));
}

static void set_fault(struct http_exchange *exchange, CURLcode code)
{
	struct http_response *response = &exchange->response;
	long error = 0;
	curl_off_t connect_us = 0;
	curl_easy_getinfo(exchange->easy, CURLINFO_OS_ERRNO, &error);
	curl_easy_getinfo(exchange->easy, CURLINFO_CONNECT_TIME_T, &connect_us);
	response->status = 0;
	if (exchange->too_large)
		response->fault =
			util_printf("the answer is longer than %d MiB", HTTP_BODY_MAX >> 20);
	else if (code == CURLE_COULDNT_CONNECT && error == EACCES && exchange->peer->socket)
		response->fault =
			util_strdup("permission denied: only the socket's owner and group "
				    "may connect; use --agent http://…");
	else if (code == CURLE_COULDNT_CONNECT && error)
		response->fault = lower_first(strerror((int)error));
	else if (code == CURLE_OPERATION_TIMEDOUT && !connect_us)
		response->fault = util_strdup("timeout while connecting");
	else if (code == CURLE_OPERATION_TIMEDOUT)
		response->fault = util_strdup("connected, but no answer in time");
	else
		response->fault = curl_fault(exchange, code);
	response->absent =
		code == CURLE_COULDNT_CONNECT && (error == ECONNREFUSED || error == ENOENT);
}

static void finish(struct http_exchange *exchange, CURLcode code)
{
	struct http_response *response = &exchange->response;
	if (code == CURLE_OK) {
		long status = 0;
		const char *content_type = NULL;
		curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
		curl_easy_getinfo(exchange->easy, CURLINFO_CONTENT_TYPE, &content_type);
		response->status = (int)status;
		response->content_type = content_type ? util_strdup(content_type) : NULL;
		if (!response->body)
			response->body = util_strdup("");
	} else {
		set_fault(exchange, code);
	}
	exchange->done(exchange->context, response);
	exchange_free(exchange);
}

static bool finish_ended(struct http *http)
{
	bool any = false;
	int left;
	for (CURLMsg *message; (message = curl_multi_info_read(http->multi, &left));) {
		if (message->msg != CURLMSG_DONE)
			continue;
		char *private = NULL;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
		finish((struct http_exchange *)(void *)private, message->data.result);
		any = true;
	}
	return any;
}

void http_wait(struct http *http, int timeout_ms, int wake_fd)
{
	int running;
	curl_multi_perform(http->multi, &running);
	if (finish_ended(http))
		return;
	struct curl_waitfd wake = {.fd = wake_fd, .events = CURL_WAIT_POLLIN};
	curl_multi_poll(http->multi, &wake, wake_fd >= 0, timeout_ms, NULL);
	curl_multi_perform(http->multi, &running);
	finish_ended(http);
}

struct waiting {
	struct http_response *ret_response;
	bool done;
};

static void take_response(void *context, struct http_response *response)
{
	struct waiting *waiting = context;
	*waiting->ret_response = *response;
	*response = (struct http_response){0};
	waiting->done = true;
}

void http_call(struct http *http, const struct http_peer *peer, const struct http_request *request,
	       struct http_response *ret_response)
{
	struct waiting waiting = {ret_response, false};
	http_start(http, peer, request, take_response, &waiting);
	while (!waiting.done)
		http_wait(http, 1000, -1);
}
