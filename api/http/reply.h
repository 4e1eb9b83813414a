/*
 * reply: the answer to a request: a message as JSON or protobuf, the one form of error, bytes, or
 * a body that is made while the client takes it.
 *
 * Built by whoever owns the request, queued by the HTTP thread. Every answer forbids storing and
 * sniffing. If memory runs out while an answer is built, a fixed one takes its place.
 */
#pragma once
#include "api/http/media.h"
#include "pagecast/error.h"

#include <microhttpd.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { REPLY_HEADERS_MAX = 10 };

enum {
	BODY_SOURCE_END = MHD_CONTENT_READER_END_OF_STREAM,
	BODY_SOURCE_FAILED = MHD_CONTENT_READER_END_WITH_ERROR
};

/* A body that is made while the client takes it. Embedded in what makes it. HTTP thread. */
struct body_source {
	/* Write up to @max bytes. Return: how many; 0: none now: the source has suspended the
	 * request and will resume it; BODY_SOURCE_END; BODY_SOURCE_FAILED: the connection ends */
	ssize_t (*read)(struct body_source *source, char *buffer, size_t max);
	void (*free)(struct body_source *source);
	size_t block_bytes; /* the @max to be read with */
};

struct reply_form { /* what the client takes; its protocol's judge() fills it in */
	enum media media;
	const char *protobuf_type; /* the spelling of the type that was asked for; static; NULL:
				      application/x-protobuf */
	bool gzip;		   /* it may be compressed */
};

struct reply {
	struct reply_form form;
	unsigned int status;
	const char *content_type; /* static; NULL: no body */
	char *body;		  /* owned, malloc */
	size_t len;
	struct reply_header {
		const char *name; /* static */
		char *value;	  /* owned */
	} headers[REPLY_HEADERS_MAX];
	size_t header_count;
	struct body_source *source; /* owned; in place of a body */
	bool packed;		    /* the body, by gzip */
	bool close;		    /* and end the connection */
};

void reply_deinit(struct reply *reply);

/** reply_header() - add a header; a value that holds a line break is dropped */
void reply_header(struct reply *reply, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** reply_message() - in the form that the client asked for, compressed where it takes that */
void reply_message(struct reply *reply, unsigned int status, const ProtobufCMessage *message);

/** reply_empty() - 204, 304: no body */
void reply_empty(struct reply *reply, unsigned int status);

/** reply_bytes() - @body as it is; @content_type: static */
void reply_bytes(struct reply *reply, unsigned int status, const char *content_type,
		 const char *body, size_t len);

/** reply_take() - as reply_bytes(); @body is consumed, NULL: memory ran out while it was made */
void reply_take(struct reply *reply, unsigned int status, const char *content_type, char *body,
		size_t len);

/** reply_pack() - compress the body if the client takes that and it becomes smaller */
void reply_pack(struct reply *reply);

/** reply_source() - 200 and what @source (consumed) makes; @content_type: static */
void reply_source(struct reply *reply, const char *content_type, struct body_source *source);

/** reply_text() - a copy of @text */
void reply_text(struct reply *reply, unsigned int status, const char *text);

/** reply_error_json() - the error form of REST and of Connect's unary calls */
void reply_error_json(struct reply *reply, unsigned int status, const struct error *error);

/** reply_status() - the HTTP status of an error code */
unsigned int reply_status(enum error_code code);

/** reply_response() - what the library sends; body or source is its own afterwards. Return: NULL:
 * out of memory */
struct MHD_Response *reply_response(struct reply *reply);
