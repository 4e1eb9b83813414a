/* rpc_head: what the head of an RPC request says, as its face understood it. */
#pragma once
#include "api/http/media.h"

#include <stdbool.h>

struct rpc_head {
	enum media codec; /* MEDIA_JSON or MEDIA_PROTOBUF, both ways; MEDIA_NONE: none known */
	const char *content_type; /* of the answer: that of the request; static */
	bool gzip_in;		  /* messages may come compressed */
	bool gzip_out;		  /* the caller understands compressed answers */
};
