/*
 * rpc_grpcweb: gRPC-Web in its binary form. Status 200 always; messages in envelopes, then the
 * trailers as a last one with flag 0x80. The text form (base64) is not spoken.
 */
#include "api/http/request.h"
#include "api/live/stream_protocol.h"
#include "api/rpc/rpc.h"

#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_DIGITS_MAX = 8 };

/* One unit of Grpc-Timeout in nanoseconds; 0: there is no such unit. */
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
	reply_refuse(
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
	request->rpc.gzip_out =
		media_lists(request_header(request, "Grpc-Accept-Encoding"), "gzip");
	return rpc_judge_encoding(request, request_header(request, "Grpc-Encoding"),
				  "Grpc-Accept-Encoding") &&
	       judge_timeout(request);
}

static const struct rpc_type TYPES[] = {{"application/grpc-web", MEDIA_PROTOBUF},
					{"application/grpc-web+proto", MEDIA_PROTOBUF},
					{"application/grpc-web+json", MEDIA_JSON},
					{NULL, MEDIA_NONE}};

static void put_error(struct request *request, unsigned int status, const struct error *error)
{
	struct json_buffer out = JSON_BUFFER_NULL;
	size_t len = 0;
	(void)status;
	stream_face_end(STREAM_GRPC_WEB, error, &out);
	char *body = json_buffer_take(&out, &len);
	reply_take(request, MHD_HTTP_OK, rpc_answer_type(request), body, len);
}

static void answer(struct request *request, uint8_t *message, size_t len)
{
	struct json_buffer out = JSON_BUFFER_NULL;
	bool packed = rpc_pack(request, &message, &len);
	uint8_t head[ENVELOPE_HEAD_BYTES];
	envelope_head(head, packed ? ENVELOPE_COMPRESSED : 0, len);
	json_buffer_append(&out, (const char *)head, sizeof head);
	json_buffer_append(&out, (const char *)message, len);
	stream_face_end(STREAM_GRPC_WEB, NULL, &out);
	free(message);
	char *body = json_buffer_take(&out, &len);
	reply_take(request, MHD_HTTP_OK, rpc_answer_type(request), body, len);
	if (packed)
		reply_header(request, "Grpc-Encoding", "gzip");
}

const struct rpc_face RPC_GRPC_WEB = {
	.face = {.judge = judge, .put_error = put_error},
	.stream = STREAM_GRPC_WEB,
	.types = TYPES,
	.take = rpc_take_envelope,
	.answer = answer,
	.encoding_header = "Grpc-Encoding",
};
