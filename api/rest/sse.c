/* sse: see sse.h. */
#include "api/rest/sse.h"

#include "api/codec/error_json.h"

enum { RETRY_MS = 2000 };

static void begin(struct json_buffer *out)
{
	json_buffer_text(out, "retry: ");
	json_buffer_uint(out, RETRY_MS);
	json_buffer_text(out, "\n\n");
}

/* JSON of this API has no line breaks: one data line an event. */
static void put(uint64_t revision, const struct json_buffer *message, bool gzip,
		struct json_buffer *out)
{
	(void)gzip; /* the format has no place to say it */
	json_buffer_text(out, "id: ");
	json_buffer_uint(out, revision);
	json_buffer_text(out, "\ndata: ");
	json_buffer_append(out, message->data, message->len);
	json_buffer_text(out, "\n\n");
}

static void heartbeat(struct json_buffer *out)
{
	json_buffer_text(out, ":\n\n");
}

static void end(const struct error *error, struct json_buffer *out)
{
	if (!error)
		return;
	json_buffer_text(out, "event: error\ndata: ");
	error_json_put(error, out);
	json_buffer_text(out, "\n\n");
}

const struct event_format SSE_FORMAT = {
	.begin = begin,
	.put = put,
	.heartbeat = heartbeat,
	.end = end,
};
