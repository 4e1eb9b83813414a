/* call: see call.h. */
#include "call.h"
#include "api_error.h"
#include "message.h"
#include "print.h"
#include "util.h"

#include <string.h>

enum {
	ERROR_BODY_MAX = 1 << 20, /* a larger body is not an error of the API */
	LINE_SHOWN_MAX = 200,	  /* of a body that is not an error of the API */
};

char *call_job_path(const char *id, const char *suffix)
{
	static const char SAFE[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_~.";
	_cleanup_free_ char *safe = util_calloc(strlen(id) + 1, 3);
	char *at = safe;
	for (; *id; id++) {
		if (strchr(SAFE, *id))
			*at++ = *id;
		else
			at += sprintf(at, "%%%02X", (unsigned char)*id);
	}
	return util_printf("/v1/jobs/%s%s", safe, suffix);
}

/* What a call is as a request; @packed owns what the request borrows. */
struct packed_call {
	struct http_request request;
	uint8_t *packed;
};

static void packed_call_init(struct packed_call *packed, const struct call *call, bool as_json)
{
	*packed = (struct packed_call){
		.request = {
			.method = call->method,
			.path = call->path,
			.body = call->json,
			.body_len = call->json_len,
			.content_type = call->json ? CALL_JSON : CALL_PROTOBUF,
			.accept = call->accept ? call->accept
				  : as_json    ? CALL_JSON
					       : CALL_PROTOBUF,
			.headers = {call->header},
			.data = call->data,
			.timeout_ms = call->timeout_ms ? call->timeout_ms : CALL_TIMEOUT_MS,
		}};
	if (call->body) {
		size_t size = protobuf_c_message_get_packed_size(call->body);
		packed->packed = util_calloc(size + 1, 1);
		protobuf_c_message_pack(call->body, packed->packed);
		packed->request.body = packed->packed;
		packed->request.body_len = size;
	}
}

struct http_exchange *call_start(const struct client *client, const struct http_peer *peer,
				 const struct call *call, http_done done, void *context)
{
	struct packed_call packed;
	packed_call_init(&packed, call, false);
	struct http_exchange *exchange =
		http_start(client->http, peer, &packed.request, done, context);
	free(packed.packed);
	return exchange;
}

void call_perform(const struct client *client, const struct http_peer *peer,
		  const struct call *call, bool as_json, struct http_response *ret_response)
{
	struct packed_call packed;
	packed_call_init(&packed, call, as_json);
	http_call(client->http, peer, &packed.request, ret_response);
	free(packed.packed);
}

static int print_unreached(const struct http_peer *peer, const struct http_response *response)
{
	_cleanup_free_ char *name = print_escaped(peer->name);
	_cleanup_free_ char *fault = print_escaped(response->fault);
	print_error("no agent at %s: %s%s", name, fault,
		    response->absent ? "; start one with `pagecastd`" : "");
	return EXIT_NO_AGENT;
}

static void print_unknown_answer(const char *prefix, const struct http_response *response)
{
	size_t len = strcspn(response->body, "\r\n");
	_cleanup_free_ char *line = util_strndup(response->body, MIN(len, (size_t)LINE_SHOWN_MAX));
	_cleanup_free_ char *escaped = print_escaped(line);
	print_error("%sHTTP status %d%s%s", prefix, response->status, *escaped ? ": " : "",
		    escaped);
}

static void print_hint(const struct client *client, const struct http_response *response)
{
	if (response->status == 401 && !client->token)
		fputs("  authenticate with --token-file\n", stderr);
	if (response->retry_after_s > 0)
		fprintf(stderr, "  try again in %ld s\n", response->retry_after_s);
}

int call_check(const struct client *client, const struct http_peer *peer, const struct call *call,
	       const struct http_response *response)
{
	if (response->status == 0)
		return print_unreached(peer, response);
	if (response->status >= 200 && response->status < 300)
		return EXIT_DONE;
	_cleanup_free_ char *name = print_escaped(peer->name);
	_cleanup_free_ char *prefix = util_printf("%s%s", client->peer_count > 1 ? name : "",
						  client->peer_count > 1 ? ": " : "");
	if (client->json && response->len) {
		fflush(stdout);
		bool ended = response->body[response->len - 1] == '\n';
		fprintf(stderr, "%s%s", response->body, ended ? "" : "\n");
		return EXIT_FAILED;
	}
	if (response->len > ERROR_BODY_MAX ||
	    !api_error_print(prefix, response->body, call ? &call->origin : NULL))
		print_unknown_answer(prefix, response);
	print_hint(client, response);
	return EXIT_FAILED;
}

static bool is_protobuf(const struct http_response *response)
{
	const char *type = response->content_type;
	return type && (strncmp(type, CALL_PROTOBUF, strlen(CALL_PROTOBUF)) == 0 ||
			strncmp(type, "application/protobuf", strlen("application/protobuf")) == 0);
}

int call_unpack(const struct http_peer *peer, const struct http_response *response,
		const ProtobufCMessageDescriptor *type, ProtobufCMessage **ret_message)
{
	ProtobufCMessage *message = NULL;
	if (is_protobuf(response))
		message = protobuf_c_message_unpack(type, NULL, response->len,
						    (const uint8_t *)response->body);
	if (message) {
		*ret_message = message;
		return EXIT_DONE;
	}
	_cleanup_free_ char *name = print_escaped(peer->name);
	_cleanup_free_ char *answered =
		print_escaped(response->content_type ? response->content_type : "no content type");
	print_error("%s is not an agent that this client understands: it answers with %s", name,
		    answered);
	return EXIT_FAILED;
}

int call_message(const struct client *client, const struct http_peer *peer, const struct call *call,
		 ProtobufCMessage **ret_message)
{
	_cleanup_response_ struct http_response response = {0};
	*ret_message = NULL;
	call_perform(client, peer, call, false, &response);
	int r = call_check(client, peer, call, &response);
	if (r || !call->answer)
		return r;
	return call_unpack(peer, &response, call->answer, ret_message);
}

int call_print_json(const struct client *client, const struct http_peer *peer,
		    const struct call *call)
{
	_cleanup_response_ struct http_response response = {0};
	call_perform(client, peer, call, true, &response);
	int r = call_check(client, peer, call, &response);
	if (r)
		return r;
	fwrite(response.body, 1, response.len, stdout);
	if (response.len && response.body[response.len - 1] != '\n')
		putchar('\n');
	return print_flush() ? EXIT_DONE : EXIT_FAILED;
}

void call_print(const struct client *client, const struct http_peer *peer,
		const ProtobufCMessage *message, call_printer printer, void *context)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	if (!out)
		return;
	printer(message, out, context);
	fclose(out);
	print_prefixed(client_prefix(client, peer), text, len);
	free(text);
}

int call_each(const struct client *client, const struct call *call, call_printer printer,
	      void *context)
{
	int codes[CLIENT_AGENTS_MAX];
	for (size_t i = 0; i < client->peer_count; i++) {
		const struct http_peer *peer = &client->peers[i];
		ProtobufCMessage *message = NULL;
		if (client->json) {
			codes[i] = call_print_json(client, peer, call);
			continue;
		}
		codes[i] = call_message(client, peer, call, &message);
		if (codes[i] == EXIT_DONE)
			call_print(client, peer, message, printer, context);
		message_free(message);
	}
	print_flush();
	return client_merge(codes, client->peer_count);
}
