/*
 * head: what a request's head must be like before anything acts on it.
 *
 * libmicrohttpd is lenient where two readers of one byte stream may disagree about where a request
 * ends. Here whatever is open to two readings is refused, and the connection closed with it:
 * doubled headers that must be single, Content-Length beside Transfer-Encoding, codings other than
 * chunked, names that are no tokens, control characters. Thread: the request's HTTP thread.
 */
#pragma once
#include <stdbool.h>

struct request;

/**
 * head_check() - judge request line and headers, and note what they say of the body
 * @method:  as sent
 * @version: as sent
 *
 * Return: true; false: request->reply holds the refusal
 */
bool head_check(struct request *request, const char *method, const char *version);
