/*
 * api_error: an error of the API, read from its JSON body and said to the person.
 *
 * What an error means is read from its fields: field violations (google.rpc.BadRequest) and the
 * reason with its metadata (google.rpc.ErrorInfo). Its sentence is shown, never parsed. Thread:
 * any; no state.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* The user's own text as a part of the body that was sent: faults are shown as places in that text.
 */
struct api_error_origin {
	const char
		*field; /* the field of the body that holds it, at its end; NULL: all of the body */
	size_t offset;	/* where in the body it begins, in bytes; on the first line */
};

/**
 * api_error_print() - print an error on standard error: its sentence, then each fault where there
 * are several
 * @prefix: goes before the sentence; "" for none
 * @body:   what was answered, a string
 * @origin: borrowed; NULL: nothing to translate
 *
 * Return: printed; false: the body is not an error of the API.
 */
bool api_error_print(const char *prefix, const char *body, const struct api_error_origin *origin);
