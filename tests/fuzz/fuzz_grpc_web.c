/*
 * gRPC-Web both ways. The first byte of an input says which:
 *
 * 'Q': a request body as it comes: one frame, which may be compressed, with a message in it.
 * 'A': an answer: up to a line break the bytes of a message, behind it what is told of an error.
 *      What is written must be read by the letter of the protocol: frames that fill the answer, the
 *      trailers as the last one and nowhere else, in lines of printable ASCII that say the error.
 */
#include <string.h>

#include "api/codec/base64.h"
#include "api/codec/gzip.h"
#include "api/rpc/envelope.h"
#include "api/rpc/rpc_grpcweb.h"
#include "fuzz/codec.h"
#include "pagecast/rpc/v1/status.pb-c.h"

enum { BODY_MAX = 65536 };

/* ---- a request ---- */

static void read_message(const uint8_t *data, size_t len)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	ProtobufCMessage *message = NULL;
	int r = wire_read(&pagecast__v1__submit_job_request__descriptor, data, len, false, &message,
			  &error);
	FUZZ_CHECK(r == 0 || r == ERROR_CODE_INVALID_ARGUMENT);
	if (r)
		return;
	codec_round_trip(message);
	protobuf_c_message_free_unpacked(message, NULL);
}

static void read_request(const uint8_t *body, size_t len)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct envelope envelope = {0};
	uint8_t *plain = NULL;
	size_t plain_len = 0;
	int r = envelope_read_only(body, len, &envelope, &error);
	FUZZ_CHECK(r == 0 || r == ERROR_CODE_INVALID_ARGUMENT || r == ERROR_CODE_UNIMPLEMENTED);
	if (r)
		return;
	FUZZ_CHECK(!(envelope.flags & ~ENVELOPE_COMPRESSED)); /* a caller sends no trailers */
	if (!(envelope.flags & ENVELOPE_COMPRESSED)) {
		read_message(envelope.message, envelope.len);
		return;
	}
	r = gzip_unpack(envelope.message, envelope.len, BODY_MAX, &plain, &plain_len, &error);
	if (!r)
		read_message(plain, plain_len);
	free(plain);
}

/* ---- an answer ---- */

struct frame {
	uint8_t flags;
	const uint8_t *data;
	size_t len;
};

static struct frame next_frame(const uint8_t **at, const uint8_t *end)
{
	const uint8_t *head = *at;
	FUZZ_CHECK(end - head >= ENVELOPE_HEAD_BYTES);
	struct frame frame = {head[0], head + ENVELOPE_HEAD_BYTES,
			      (size_t)head[1] << 24 | (size_t)head[2] << 16 | (size_t)head[3] << 8 |
				      head[4]};
	FUZZ_CHECK(frame.len <= (size_t)(end - frame.data));
	*at = frame.data + frame.len;
	return frame;
}

static int hex(char digit)
{
	FUZZ_CHECK((digit >= '0' && digit <= '9') || (digit >= 'A' && digit <= 'F'));
	return digit <= '9' ? digit - '0' : digit - 'A' + 10;
}

/* The value of grpc-message must be @text, percent-encoded. */
static void check_message(const char *value, size_t len, const char *text)
{
	for (size_t i = 0; i < len; i++, text++) {
		int byte = (unsigned char)value[i];
		if (byte == '%') {
			FUZZ_CHECK(i + 2 < len);
			byte = hex(value[i + 1]) << 4 | hex(value[i + 2]);
			i += 2;
		}
		FUZZ_CHECK(byte == (unsigned char)*text && *text);
	}
	FUZZ_CHECK(!*text);
}

static void check_status(const char *value, size_t len, const struct error *error)
{
	uint8_t *packed = malloc(len / 4 * 3 + 2);
	size_t packed_len = 0;
	FUZZ_CHECK(packed && base64_decode(value, len, packed, &packed_len));
	Pagecast__Rpc__V1__Status *status =
		pagecast__rpc__v1__status__unpack(NULL, packed_len, packed);
	FUZZ_CHECK(status && status->code == (int)error->code);
	FUZZ_CHECK(strcmp(status->message, error_message(error)) == 0);
	FUZZ_CHECK(status->n_details == (error->violation_count ? 1 : 0));
	pagecast__rpc__v1__status__free_unpacked(status, NULL);
	free(packed);
}

static bool is(const char *line, size_t len, const char *name, size_t *ret_skip)
{
	*ret_skip = strlen(name);
	return len >= *ret_skip && memcmp(line, name, *ret_skip) == 0;
}

static void check_trailers(const struct frame *frame, const struct error *error)
{
	const char *at = (const char *)frame->data, *end = at + frame->len;
	unsigned seen = 0;
	while (at < end) {
		const char *line_end = memchr(at, '\r', (size_t)(end - at));
		FUZZ_CHECK(line_end && line_end + 1 < end && line_end[1] == '\n');
		size_t len = (size_t)(line_end - at), skip;
		for (size_t i = 0; i < len; i++)
			FUZZ_CHECK(at[i] >= 0x20 && at[i] <= 0x7e);
		if (is(at, len, "grpc-status: ", &skip)) {
			FUZZ_CHECK(strtol(at + skip, NULL, 10) == (error ? (long)error->code : 0));
			seen |= 1;
		} else if (is(at, len, "grpc-message: ", &skip)) {
			check_message(at + skip, len - skip, error_message(error));
			seen |= 2;
		} else {
			FUZZ_CHECK(is(at, len, "grpc-status-details-bin: ", &skip));
			check_status(at + skip, len - skip, error);
			seen |= 4;
		}
		at = line_end + 2;
	}
	FUZZ_CHECK(seen == (error ? 7 : 1));
}

static void check_frame(const struct frame *frame, const struct json_buffer *message)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	uint8_t *plain = NULL;
	size_t len = 0;
	if (!frame->flags) {
		FUZZ_CHECK(frame->len == message->len &&
			   (!frame->len || !memcmp(frame->data, message->data, frame->len)));
		return;
	}
	FUZZ_CHECK(frame->flags == ENVELOPE_COMPRESSED && frame->len < message->len);
	FUZZ_CHECK(gzip_unpack(frame->data, frame->len, BODY_MAX, &plain, &len, &error) == 0);
	FUZZ_CHECK(len == message->len && !memcmp(plain, message->data, len));
	free(plain);
}

static void write_answer(const struct json_buffer *message, const struct error *error)
{
	struct json_buffer out = JSON_BUFFER_NULL;
	RPC_GRPC_WEB.events->put(1, message, true, &out);
	RPC_GRPC_WEB.events->end(error, &out);
	FUZZ_CHECK(!out.failed);
	const uint8_t *at = (const uint8_t *)out.data, *end = at + out.len;
	struct frame frame = next_frame(&at, end);
	check_frame(&frame, message);
	frame = next_frame(&at, end);
	FUZZ_CHECK(frame.flags == ENVELOPE_GRPC_TRAILERS && at == end);
	check_trailers(&frame, error);
	json_buffer_deinit(&out);
}

/* The first byte of what is told is the code; an even length behind it: a violation, too. */
static void make_answer(const uint8_t *data, size_t size)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct json_buffer message = JSON_BUFFER_NULL;
	const uint8_t *divider = memchr(data, '\n', size);
	size_t len = divider ? (size_t)(divider - data) : size;
	if (len > BODY_MAX)
		len = BODY_MAX;
	json_buffer_append(&message, (const char *)data, len);
	if (divider && size - len > 1) {
		char *text = strndup((const char *)divider + 2, size - len - 2);
		enum error_code code = (enum error_code)(1 + divider[1] % 16);
		FUZZ_CHECK(text);
		error_set(&error, code, "%s", text);
		if (strlen(text) % 2 == 0)
			error_violate(&error, "streams[0]", "%s", text);
		free(text);
	}
	write_answer(&message, error.code ? &error : NULL);
	json_buffer_deinit(&message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size && data[0] == 'Q')
		read_request(data + 1, size - 1);
	else if (size)
		make_answer(data + 1, size - 1);
	return 0;
}
