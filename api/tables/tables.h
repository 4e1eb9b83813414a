/*
 * tables: what the schema says beyond protobuf-c's descriptors, written at build time by
 * api/tables/make/make_tables.c.
 *
 * Methods with streaming flag and idempotency level, in the schema's order; comments by full name,
 * sorted
 * ("pagecast.v1.JobSpec.name"). Static and immutable. Thread: any.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

struct tables_method {
	const char *service; /* "pagecast.v1.TransmitService" */
	const char *name;    /* "SubmitJob" */
	const ProtobufCMessageDescriptor *request;
	const ProtobufCMessageDescriptor *response;
	bool server_streaming;
	bool no_side_effects; /* may be called by GET */
};

struct tables_doc {
	const char *name; /* full name of a message, field, oneof, enum, value, service or method */
	const char *text; /* its leading comment as written, lines divided by \n */
};

extern const struct tables_method TABLES_METHODS[];
extern const size_t TABLES_METHOD_COUNT;
extern const struct tables_doc TABLES_DOCS[];
extern const size_t TABLES_DOC_COUNT;

/** tables_method() - find by full service name and method name. Return: NULL where there is none */
const struct tables_method *tables_method(const char *service, const char *name);

/** tables_doc() - the comment of @full_name. Return: NULL where there is none */
const char *tables_doc(const char *full_name);
