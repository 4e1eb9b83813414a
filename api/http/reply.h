/*
 * reply: the answer to a request: a message as JSON or protobuf, or the one form of error.
 *
 * Built by whoever owns the request, queued by the HTTP thread. Every answer forbids storing and
 * sniffing. If memory runs out while an answer is built, a fixed one takes its place.
 */
#pragma once
#include "pagecast/error.h"

#include <microhttpd.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

struct request;
struct stream;

enum { REPLY_HEADERS_MAX = 10 };

struct reply {
	unsigned int status;
	const char *content_type; /* static; NULL: no body */
	char *body;		  /* owned, malloc */
	size_t len;
	struct reply_header {
		const char *name; /* static */
		char *value;	  /* owned */
	} headers[REPLY_HEADERS_MAX];
	size_t header_count;
	struct stream *stream; /* owned; in place of a body */
	bool packed;	       /* the body, by gzip */
	bool close;	       /* and end the connection */
};

void reply_deinit(struct reply *reply);

/** reply_header() - add a header; a value that holds a line break is dropped */
void reply_header(struct request *request, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** reply_message() - in the form that the client asked for, compressed where it takes that */
void reply_message(struct request *request, unsigned int status, const ProtobufCMessage *message);

/** reply_empty() - 204, 304: no body */
void reply_empty(struct request *request, unsigned int status);

/** reply_bytes() - @body as it is; @content_type: static */
void reply_bytes(struct request *request, unsigned int status, const char *content_type,
		 const char *body, size_t len);

/** reply_take() - as reply_bytes(); @body is consumed, NULL: memory ran out while it was made */
void reply_take(struct request *request, unsigned int status, const char *content_type, char *body,
		size_t len);

/** reply_pack() - compress the body if the client takes that and it gains by it */
void reply_pack(struct request *request);

/** reply_stream() - a live answer; @stream is consumed */
void reply_stream(struct request *request, struct stream *stream);

/** reply_text() - a static text */
void reply_text(struct request *request, unsigned int status, const char *text);

/** reply_error() - an error as the request's face says it, with the status that it gives the code
 */
void reply_error(struct request *request, const struct error *error);

/** reply_refuse() - an error with a status of its own (405, 413, 415, …) */
void reply_refuse(struct request *request, unsigned int status, enum error_code code,
		  const char *format, ...) __attribute__((format(printf, 4, 5)));

/** reply_error_json() - the error form of REST and of Connect's unary calls */
void reply_error_json(struct request *request, unsigned int status, const struct error *error);

/** reply_status() - the REST status of an error code */
unsigned int reply_status(enum error_code code);

/** reply_queue() - hand the answer to the library. Return: MHD_NO: the connection must end */
enum MHD_Result reply_queue(struct request *request);
