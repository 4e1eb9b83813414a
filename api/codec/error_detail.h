/*
 * error_detail: what an error says to programs: messages of google.rpc, packed, as Connect and
 * gRPC carry them. BadRequest lists the fields at fault, ErrorInfo gives the reason and its facts.
 * Thread: any; no state.
 */
#pragma once
#include "api/codec/json_buffer.h"
#include "pagecast/error.h"

#include <stddef.h>
#include <stdint.h>

enum { ERROR_DETAILS_MAX = 2 }; /* BadRequest, ErrorInfo */

struct error_detail {
	const char *type;     /* "google.rpc.BadRequest" */
	const char *type_url; /* the same as google.protobuf.Any names it */
	uint8_t *packed;      /* owned, [len] */
	size_t len;
	/* The message as JSON */
	void (*put_debug)(const struct error *error, struct json_buffer *out);
};

/**
 * error_details_make() - the details that @error has
 *
 * Return: how many of @ret_details are filled; one that there is no memory for is left out.
 */
size_t error_details_make(const struct error *error,
			  struct error_detail ret_details[static ERROR_DETAILS_MAX]);
void error_details_free(struct error_detail *details, size_t count);
