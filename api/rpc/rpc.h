/*
 * rpc: Connect and gRPC-Web over HTTP/1.1. One dispatcher for every method of the schema, three
 * faces: Connect's unary calls (POST, and GET for what has no side effects), Connect's server
 * streams, gRPC-Web for both.
 *
 * A path is /pagecast.v1.<Service>/<Method>; the face follows from the method and the Content-Type.
 * The dispatcher reads the request message (by the face: from body, envelope or query), calls the
 * method that REST calls too, and has the face write the answer. JSON here is canonical proto3
 * JSON.
 *
 * Thread: whoever owns the request; the route table is made once and then immutable.
 */
#pragma once
#include "api/http/protocol.h"
#include "api/http/route.h"
#include "api/live/stream.h"
#include "api/rpc/rpc_head.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct request;

/* What a page of another origin may send to, and read of, these faces. */
#define RPC_REQUEST_HEADERS                                                                        \
	"Connect-Protocol-Version, Connect-Timeout-Ms, Connect-Content-Encoding, "                 \
	"Connect-Accept-Encoding, Content-Encoding, Grpc-Timeout, Grpc-Encoding, "                 \
	"Grpc-Accept-Encoding, X-Grpc-Web, X-User-Agent, Pagecast-Ignore-Unknown-Fields"
#define RPC_RESPONSE_HEADERS                                                                       \
	"Content-Encoding, Connect-Content-Encoding, Grpc-Encoding, Grpc-Status, Grpc-Message, "   \
	"Grpc-Status-Details-Bin"

struct rpc_bytes {	     /* a request message as it was sent, not yet read */
	const uint8_t *data; /* [len]; borrowed from the request, or from .owned */
	size_t len;
	uint8_t *owned; /* free() */
};

struct rpc_face {
	struct face face; /* first: a request's face is this one's */
	enum stream_face stream;
	/* The Content-Types it answers to, each with its codec; NULL-ended */
	const struct rpc_type {
		const char *name;
		enum media codec;
	} * types;
	/* The request message out of the request. Return: 0; an error_code */
	int (*take)(const struct request *request, struct rpc_bytes *ret_message,
		    struct error *ret_error);
	/* The whole answer of a unary call. @message: [len]; consumed */
	void (*answer)(struct request *request, uint8_t *message, size_t len);
	const char *encoding_header; /* by which an answer says that it is compressed */
};

extern const struct rpc_face RPC_CONNECT, RPC_CONNECT_STREAM, RPC_GRPC_WEB;

/** rpc_is_path() - is it of the form of an RPC's, whether there is such a method or not? */
bool rpc_is_path(const char *path);

/** rpc_routes() - POST of every method of the schema, GET of those without side effects */
const struct route_table *rpc_routes(void);

/* ---- for the faces ---- */

/** rpc_answer_type() - the Content-Type of an answer, also of one that comes before the head was
 * judged: the request's. Return: NULL: it has none of the face's */
const char *rpc_answer_type(const struct request *request);

/** rpc_judge_type() - note codec and answer's type. Return: false: 415 is the reply */
bool rpc_judge_type(struct request *request);

/**
 * rpc_judge_encoding() - note whether messages may be compressed
 * @encoding: the header's value, NULL: absent; @supported: the header that tells what would be
 *
 * Return: false: "unimplemented" is the reply, in the face's words
 */
bool rpc_judge_encoding(struct request *request, const char *encoding, const char *supported);

/** rpc_judge_timeout() - the caller waits @timeout_ms from the request's arrival. Return: true */
bool rpc_judge_timeout(struct request *request, int64_t timeout_ms);

/** rpc_take_envelope() - the one enveloped message of the body, unpacked: a .take */
int rpc_take_envelope(const struct request *request, struct rpc_bytes *ret_message,
		      struct error *ret_error);

/** rpc_unpack() - @packed (gzip) in place of itself */
int rpc_unpack(const struct request *request, struct rpc_bytes *message, struct error *ret_error);

/** rpc_pack() - compress *message [*len] (owned) where that is agreed and makes it smaller. Return:
 * whether it is compressed now */
bool rpc_pack(const struct request *request, uint8_t **message, size_t *len);
