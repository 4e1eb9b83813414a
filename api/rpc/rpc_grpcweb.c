/* rpc_grpcweb: see rpc_grpcweb.h. */
#include "api/rpc/rpc_grpcweb.h"

#include "api/rpc/envelope.h"
#include "api/rpc/grpc_trailers.h"
#include "api/rpc/rpc_judge.h"

#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_DIGITS_MAX = 8 };

/* One unit of Grpc-Timeout in nanoseconds; 0: unknown unit. */
static int64_t unit_ns(char unit)
{
	switch (unit) {
	case 'H': return INT64_C(3600000000000);
	case 'M': return INT64_C(60000000000);
	case 'S': return 1000000000;
	case 'm': return 1000000;
	case 'u': return 1000;
	case 'n': return 1;
	default: return 0;
	}
}

static bool judge_timeout(struct request *request)
{
	const char *timeout = request_header(request, "Grpc-Timeout");
	if (!timeout)
		return true;
	size_t digits = strspn(timeout, "0123456789");
	int64_t unit = digits ? unit_ns(timeout[digits]) : 0;
	if (unit && digits <= TIMEOUT_DIGITS_MAX && !timeout[digits + 1]) {
		int64_t value = strtoll(timeout, NULL, 10);
		int64_t ms = unit >= 1000000 ? value * (unit / 1000000)
					     : (value * unit + 999999) / 1000000;
		return rpc_judge_timeout(request, ms);
	}
	request_refuse(
		request, 0, ERROR_CODE_INVALID_ARGUMENT,
		"Grpc-Timeout: \"%.40s\" is not a number of at most %d digits and a unit of H, M, "
		"S, m, u, n",
		timeout, TIMEOUT_DIGITS_MAX);
	return false;
}

static bool judge(struct request *request)
{
	if (!rpc_judge_type(request))
		return false;
	request->reply.form.gzip =
		media_lists(request_header(request, "Grpc-Accept-Encoding"), "gzip");
	return rpc_judge_encoding(request, request_header(request, "Grpc-Encoding"),
				  "Grpc-Accept-Encoding") &&
	       judge_timeout(request);
}

static const struct rpc_type TYPES[] = {{"application/grpc-web", MEDIA_PROTOBUF},
					{"application/grpc-web+proto", MEDIA_PROTOBUF},
					{"application/grpc-web+json", MEDIA_JSON},
					{NULL, MEDIA_NONE}};

static void put_event(uint64_t revision, const struct json_buffer *message, bool gzip,
		      struct json_buffer *out)
{
	(void)revision; /* it is in the message, too */
	envelope_put_message(out, message, gzip);
}

static void put_end(const struct error *error, struct json_buffer *out)
{
	struct json_buffer trailers = JSON_BUFFER_NULL;
	grpc_trailers_put(error, &trailers);
	envelope_put(out, ENVELOPE_GRPC_TRAILERS, trailers.data, trailers.len);
	out->failed |= trailers.failed;
	json_buffer_deinit(&trailers);
}

static const struct event_format EVENTS = {.put = put_event, .end = put_end};

static void put_error(struct request *request, unsigned int status, const struct error *error)
{
	struct json_buffer out = JSON_BUFFER_NULL;
	size_t len = 0;
	(void)status;
	put_end(error, &out);
	char *body = json_buffer_take(&out, &len);
	reply_take(&request->reply, MHD_HTTP_OK, rpc_protocol_answer_type(request), body, len);
}

static void answer(struct request *request, uint8_t *message, size_t len)
{
	struct json_buffer out = JSON_BUFFER_NULL;
	bool packed = rpc_message_pack(request, &message, &len);
	envelope_put(&out, packed ? ENVELOPE_COMPRESSED : 0, message, len);
	put_end(NULL, &out);
	free(message);
	char *body = json_buffer_take(&out, &len);
	reply_take(&request->reply, MHD_HTTP_OK, rpc_protocol_answer_type(request), body, len);
	if (packed)
		reply_header(&request->reply, "Grpc-Encoding", "gzip");
}

const struct rpc_protocol RPC_GRPC_WEB = {
	.protocol = {.judge = judge, .put_error = put_error},
	.events = &EVENTS,
	.types = TYPES,
	.take = rpc_message_take_envelope,
	.answer = answer,
	.encoding_header = "Grpc-Encoding",
};
