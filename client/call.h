/*
 * call: one request of the API, in protobuf, and its answer: a message, or an error that is
 * printed. With --json the answer is requested as JSON and printed unchanged.
 */
#pragma once
#include "api_error.h"
#include "client.h"

#include <protobuf-c/protobuf-c.h>

#define CALL_PROTOBUF "application/x-protobuf"
#define CALL_JSON     "application/json"

enum { CALL_TIMEOUT_MS = 30000 }; /* for an answer that does not wait; a cancel waits 2 s */

struct call {
	const char *method;
	const char *path;
	const ProtobufCMessage *body; /* borrowed; NULL: none, or json */
	const char *json;	      /* a JSON body, unchanged */
	size_t json_len;
	struct api_error_origin origin; /* where in that body the user's own text is */
	const char *accept;		/* a form of answer of its own; NULL: the usual */
	const char *header;		/* a further header, "Name: value"; NULL: none */
	http_data data;	 /* receives the pieces of a stream; NULL: the answer is kept */
	long timeout_ms; /* 0: CALL_TIMEOUT_MS */
	const ProtobufCMessageDescriptor *answer; /* NULL: no content is expected */
};

/** call_perform() - send and wait; in JSON if @as_json */
void call_perform(const struct client *client, const struct http_peer *peer,
		  const struct call *call, bool as_json, struct http_response *ret_response);

/** call_start() - the same without waiting, for the follower's loop */
struct http_exchange *call_start(const struct client *client, const struct http_peer *peer,
				 const struct call *call, http_done done, void *context);

/**
 * call_check() - was it a success? Otherwise prints what was wrong, with places as in the user's
 * own text
 * @call: the call; NULL: its body has no such text
 *
 * Return: 0; EXIT_FAILED; EXIT_NO_AGENT
 */
int call_check(const struct client *client, const struct http_peer *peer, const struct call *call,
	       const struct http_response *response);

/** call_unpack() - the message of a success. Return: 0; EXIT_FAILED, printed */
int call_unpack(const struct http_peer *peer, const struct http_response *response,
		const ProtobufCMessageDescriptor *type, ProtobufCMessage **ret_message);

/** call_message() - perform, check and unpack; *ret_message owned. Return: an exit code */
int call_message(const struct client *client, const struct http_peer *peer, const struct call *call,
		 ProtobufCMessage **ret_message);

/** call_print_json() - perform in JSON and print it. Return: an exit code */
int call_print_json(const struct client *client, const struct http_peer *peer,
		    const struct call *call);

/* Prints an answer for people; @context is the caller's. */
typedef void (*call_printer)(const ProtobufCMessage *message, FILE *out, void *context);

/**
 * call_each() - the call to every agent, each answer printed as JSON or by @printer
 * Return: an exit code for all (client_merge)
 */
int call_each(const struct client *client, const struct call *call, call_printer printer,
	      void *context);

/** call_print() - @printer's text to standard output, each line with the peer's prefix */
void call_print(const struct client *client, const struct http_peer *peer,
		const ProtobufCMessage *message, call_printer printer, void *context);

/** call_job_path() - "/v1/jobs/ID@suffix" with the id made safe; owned */
char *call_job_path(const char *id, const char *suffix);
