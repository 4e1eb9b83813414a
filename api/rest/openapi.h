/*
 * openapi: the description of the REST protocol (OpenAPI 3.1), made from what serves it: the route
 * tables, protobuf-c's descriptors and the comments of the schema (tables.h). Nothing is written
 * down twice.
 * Thread: any; no shared state. A document costs a few milliseconds; the caller keeps it.
 */
#pragma once
#include "api/http/route.h"

#include <stddef.h>

/**
 * openapi_document() - the whole document
 * @table:   what is served
 * @version: of the agent
 *
 * Return: the text, NUL-terminated, owned; NULL: out of memory.
 */
char *openapi_document(const struct route_table *table, const char *version, size_t *ret_len);
