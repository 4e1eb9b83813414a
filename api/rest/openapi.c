/* openapi: the route tables as OpenAPI paths. See openapi.h. */
#include "api/rest/openapi.h"

#include "api/codec/json_name.h"
#include "api/codec/json_time.h"
#include "api/rest/openapi_schemas.h"
#include "api/tables/tables.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { OPERATION_ID_MAX = 96, VERB_MAX = 16 };

struct document {
	struct json_buffer out;
	const struct route_table *table;
	struct openapi_types types;
};

/* "get": as OpenAPI has it */
static void verb_name(enum route_verb verb, char name[static VERB_MAX])
{
	snprintf(name, VERB_MAX, "%s", route_verb_name(verb));
	for (char *at = name; *at; at++)
		*at = (char)tolower((unsigned char)*at);
}

/* The name of the path's variable, or NULL: at most one a path. */
static bool path_variable(const char *path, char name[static JSON_NAME_MAX])
{
	const char *open = strchr(path, '{');
	const char *end = open ? strchr(open, '}') : NULL;
	if (!end)
		return false;
	snprintf(name, JSON_NAME_MAX, "%.*s", (int)(end - open - 1), open + 1);
	return true;
}

static void put_parameter_head(struct json_buffer *out, const char *name, const char *where,
			       bool first)
{
	json_buffer_text(out, first ? "{\"name\":" : ",{\"name\":");
	json_buffer_quote(out, name);
	json_buffer_text(out, ",\"in\":");
	json_buffer_quote(out, where);
	json_buffer_text(out, strcmp(where, "path") == 0 ? ",\"required\":true" : "");
	json_buffer_text(out, ",\"schema\":");
}

/* A query parameter bears the field's own name; labels are written key=value. */
static void put_query_field(struct document *document, const ProtobufCMessageDescriptor *type,
			    const ProtobufCFieldDescriptor *field, bool first)
{
	struct json_buffer *out = &document->out;
	put_parameter_head(out, field->name, "query", first);
	if (field->label == PROTOBUF_C_LABEL_REPEATED && field->type == PROTOBUF_C_TYPE_MESSAGE) {
		json_buffer_text(out, "{\"type\":\"array\",\"items\":{\"type\":\"string\","
				      "\"pattern\":\"^[^=]+=\"},\"description\":"
				      "\"key=value; repeat the parameter for several labels, all "
				      "of which must match\"}");
	} else {
		openapi_types_add_field(&document->types, field);
		openapi_field_schema(out, type, field);
	}
	json_buffer_char(out, '}');
}

static bool is_query_field(const struct route *route, const ProtobufCFieldDescriptor *field,
			   const char *variable)
{
	bool list_of_labels =
		field->type == PROTOBUF_C_TYPE_MESSAGE && field->label == PROTOBUF_C_LABEL_REPEATED;
	bool time = field->type == PROTOBUF_C_TYPE_MESSAGE && json_time_is(field->descriptor);
	return !route->body && strcmp(field->name, variable) != 0 &&
	       (field->type != PROTOBUF_C_TYPE_MESSAGE || list_of_labels || time);
}

static void put_parameters(struct document *document, const struct route *route)
{
	struct json_buffer *out = &document->out;
	char variable[JSON_NAME_MAX] = "";
	bool first = true;
	json_buffer_text(out, ",\"parameters\":[");
	if (path_variable(route->path, variable)) {
		put_parameter_head(out, variable, "path", true);
		json_buffer_text(out, "{\"type\":\"string\",\"minLength\":1}}");
		first = false;
	}
	const ProtobufCMessageDescriptor *request = route->method ? route->method->request : NULL;
	for (unsigned int i = 0; request && i < request->n_fields; i++) {
		if (!is_query_field(route, &request->fields[i], variable))
			continue;
		put_query_field(document, request, &request->fields[i], first);
		first = false;
	}
	for (size_t i = 0; route->params && route->params[i]; i++) {
		put_parameter_head(out, route->params[i], "query", first);
		json_buffer_text(out, "{\"type\":\"string\"}}");
		first = false;
	}
	json_buffer_char(out, ']');
}

static void put_content(struct document *document, const ProtobufCMessageDescriptor *type)
{
	struct json_buffer *out = &document->out;
	openapi_types_add(&document->types, type);
	json_buffer_text(out, "\"content\":{\"application/json\":{\"schema\":");
	openapi_ref(out, type->short_name);
	json_buffer_text(out, "},\"application/x-protobuf\":{\"schema\":{\"type\":\"string\","
			      "\"contentMediaType\":\"application/x-protobuf\"}}}");
}

static const ProtobufCMessageDescriptor *body_type(const struct route *route)
{
	if (!route->body || !route->method)
		return NULL;
	if (strcmp(route->body, "*") == 0)
		return route->method->request;
	const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(
		route->method->request, route->body);
	return field ? field->descriptor : NULL;
}

static void put_body(struct document *document, const struct route *route)
{
	const ProtobufCMessageDescriptor *type = body_type(route);
	if (!type)
		return;
	json_buffer_text(&document->out, route->body_required
						 ? ",\"requestBody\":{\"required\":true,"
						 : ",\"requestBody\":{\"required\":false,");
	put_content(document, type);
	json_buffer_char(&document->out, '}');
}

static void put_success(struct document *document, const struct route *route, unsigned int status)
{
	struct json_buffer *out = &document->out;
	json_buffer_char(out, '"');
	json_buffer_uint(out, status);
	json_buffer_text(out, "\":{\"description\":");
	if (status == 201)
		json_buffer_text(out, "\"created; the header Location gives its path, relative to "
				      "the request's\"");
	else if (status == 204)
		json_buffer_text(out, "\"done\"");
	else if (status == 304)
		json_buffer_text(out, "\"unchanged since the revision in If-None-Match\"");
	else
		json_buffer_text(out, "\"the response\"");
	if (status < 204 && route->sse) { /* an event's data is the message as JSON */
		openapi_types_add(&document->types, route->method->response);
		json_buffer_text(out, ",\"content\":{\"text/event-stream\":{\"schema\":{\"type\":"
				      "\"string\"}}}");
	} else if (status < 204 && route->method) {
		json_buffer_char(out, ',');
		put_content(document, route->method->response);
	} else if (status < 204 && route->produces) {
		json_buffer_text(out, ",\"content\":{");
		json_buffer_quote(out, route->produces);
		json_buffer_text(out, ":{}}");
	}
	json_buffer_text(out, "},");
}

static void put_responses(struct document *document, const struct route *route)
{
	json_buffer_text(&document->out, ",\"responses\":{");
	for (size_t i = 0; i < ROUTE_STATUSES_MAX && route->statuses[i]; i++)
		put_success(document, route, route->statuses[i]);
	if (!route->statuses[0])
		put_success(document, route, 200);
	json_buffer_text(&document->out,
			 "\"default\":{\"$ref\":\"#/components/responses/Error\"}}");
}

/* Routes without an RPC are named by verb and path: "getHealthz". */
static void put_operation_id(struct json_buffer *out, const struct route *route)
{
	char id[OPERATION_ID_MAX];
	size_t len = 0;
	bool upper = true;
	if (route->method) {
		json_buffer_quote(out, route->method->name);
		return;
	}
	char verb[VERB_MAX];
	verb_name(route->verb, verb);
	len = (size_t)snprintf(id, sizeof id, "%s", verb);
	for (const char *at = route->path; *at && len < sizeof id - 1; at++) {
		if (isalnum((unsigned char)*at))
			id[len++] = (char)(upper ? toupper((unsigned char)*at) : *at);
		upper = !isalnum((unsigned char)*at);
	}
	id[len] = '\0';
	json_buffer_quote(out, id);
}

static void put_operation(struct document *document, const struct route *route)
{
	struct json_buffer *out = &document->out;
	char full_name[OPENAPI_NAME_MAX], verb[VERB_MAX];
	verb_name(route->verb, verb);
	json_buffer_quote(out, verb);
	json_buffer_text(out, ":{\"operationId\":");
	put_operation_id(out, route);
	if (route->method) {
		snprintf(full_name, sizeof full_name, "%s.%s", route->method->service,
			 route->method->name);
		openapi_description(out, full_name, true);
		json_buffer_text(out, ",\"tags\":[");
		json_buffer_quote(out, strrchr(route->method->service, '.') + 1);
		json_buffer_char(out, ']');
	} else {
		json_buffer_text(out, ",\"description\":");
		json_buffer_quote(out, route->summary ? route->summary : route->path);
		json_buffer_text(out, ",\"tags\":[\"Operations\"]");
	}
	if (route->open)
		json_buffer_text(out, ",\"security\":[]");
	put_parameters(document, route);
	put_body(document, route);
	put_responses(document, route);
	json_buffer_char(out, '}');
}

/* Is there an earlier route of the same path? Then it was written there. */
static bool seen_before(const struct document *document, size_t list, size_t index)
{
	const char *path = document->table->lists[list]->routes[index].path;
	for (size_t t = 0; t <= list; t++)
		for (size_t r = 0; r < document->table->lists[t]->count; r++) {
			if (t == list && r == index)
				return false;
			if (strcmp(document->table->lists[t]->routes[r].path, path) == 0)
				return true;
		}
	return false;
}

static void put_path(struct document *document, const char *path)
{
	bool first = true;
	json_buffer_quote(&document->out, path);
	json_buffer_text(&document->out, ":{");
	for (size_t t = 0; t < document->table->list_count; t++)
		for (size_t r = 0; r < document->table->lists[t]->count; r++) {
			const struct route *route = &document->table->lists[t]->routes[r];
			if (strcmp(route->path, path) != 0)
				continue;
			if (!first)
				json_buffer_char(&document->out, ',');
			put_operation(document, route);
			first = false;
		}
	json_buffer_char(&document->out, '}');
}

static void put_paths(struct document *document)
{
	bool first = true;
	for (size_t t = 0; t < document->table->list_count; t++)
		for (size_t r = 0; r < document->table->lists[t]->count; r++) {
			if (seen_before(document, t, r))
				continue;
			if (!first)
				json_buffer_char(&document->out, ',');
			put_path(document, document->table->lists[t]->routes[r].path);
			first = false;
		}
}

/* The one form of error is Connect's, not a message of the schema. */
static const char ERROR_PARTS[] =
	"\"responses\":{\"Error\":{\"description\":\"what is wrong, with the value, and what "
	"would be "
	"right\",\"content\":{\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/"
	"Error\"}}}}},\"securitySchemes\":{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\"}}";
static void put_error_schema(struct json_buffer *out)
{
	json_buffer_text(out, ",\"Error\":{\"type\":\"object\",\"required\":[\"code\",\"message\"],"
			      "\"properties\":{\"code\":{\"type\":\"string\",\"enum\":[");
	for (int code = ERROR_CODE_CANCELED; code <= ERROR_CODE_UNAUTHENTICATED; code++) {
		json_buffer_text(out, code > ERROR_CODE_CANCELED ? "," : "");
		json_buffer_quote(out, error_code_name((enum error_code)code));
	}
	json_buffer_text(out, "]},\"message\":{\"type\":\"string\"},\"details\":{"
			      "\"type\":\"array\",\"items\":{\"type\":\"object\","
			      "\"required\":[\"type\",\"value\"],\"properties\":{"
			      "\"type\":{\"type\":\"string\"},\"value\":{\"type\":\"string\"},"
			      "\"debug\":{\"type\":\"object\"}}}}}}");
}

char *openapi_document(const struct route_table *table, const char *version, size_t *ret_len)
{
	struct document document = {JSON_BUFFER_NULL, table, {{0}}};
	struct json_buffer *out = &document.out;
	json_buffer_text(out,
			 "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Pagecast\",\"version\":");
	json_buffer_quote(out, version);
	json_buffer_text(out, ",\"description\":\"Transmit jobs: which packets are sent where, how "
			      "fast and for how "
			      "long, and the result.\"},\"servers\":[{\"url\":\"/\"}],"
			      "\"security\":[{},{\"bearer\":[]}],\"paths\":{");
	put_paths(&document);
	json_buffer_text(out, "},\"components\":{");
	json_buffer_text(out, ERROR_PARTS);
	json_buffer_text(out, ",\"schemas\":{");
	openapi_schemas(out, &document.types);
	put_error_schema(out);
	json_buffer_text(out, "}}}");
	return json_buffer_take(out, ret_len);
}
