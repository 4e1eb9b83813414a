/* rest_bind: see rest_bind.h. A query becomes JSON first, so that one reader judges all values. */
#include "api/rest/rest_bind.h"

#include "api/codec/json_buffer.h"
#include "api/codec/json_read.h"
#include "api/codec/json_scan.h"
#include "api/codec/json_time.h"
#include "api/codec/message.h"
#include "api/codec/wire.h"
#include "api/http/query.h"

#include <stdlib.h>
#include <string.h>

static int out_of_memory(struct error *ret_error)
{
	return error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
}

static ProtobufCMessage *new_message(const ProtobufCMessageDescriptor *type)
{
	struct heap_budget budget = heap_budget_for(0);
	return message_new(type, &budget);
}

int rest_bind_string(ProtobufCMessage *message, const char *field, const char *value,
		     struct error *ret_error)
{
	const ProtobufCFieldDescriptor *descriptor =
		protobuf_c_message_descriptor_get_field_by_name(message->descriptor, field);
	char **at = (char **)((char *)message + descriptor->offset);
	char *copy = strdup(value);
	if (!copy)
		return out_of_memory(ret_error);
	if (*at != descriptor->default_value)
		free(*at);
	*at = copy;
	return 0;
}

/* ---- query ---- */

static bool is_word(const char *value, size_t len, const char *word)
{
	return strlen(word) == len && memcmp(value, word, len) == 0;
}

/* One value as JSON; what does not fit the field's type is left for the reader to refuse. */
static void put_value(struct json_buffer *json, const ProtobufCFieldDescriptor *field,
		      const char *value, size_t len)
{
	bool bare = json_scan_is_number(value, len) || is_word(value, len, "true") ||
		    is_word(value, len, "false");
	if (bare && field->type != PROTOBUF_C_TYPE_STRING)
		json_buffer_append(json, value, len);
	else
		json_buffer_quote_bytes(json, value, len);
}

/* A duration as JSON has it; what is none is left for the reader to refuse. */
static void put_duration(struct json_buffer *json, const char *value)
{
	char text[JSON_TIME_TEXT_MAX];
	int64_t ns;
	if (!query_duration(value, &ns)) {
		json_buffer_quote(json, value);
		return;
	}
	size_t len = json_time_write_duration(ns / 1000000000, (int32_t)(ns % 1000000000), text);
	json_buffer_quote_bytes(json, text, len);
}

static bool is_duration(const ProtobufCFieldDescriptor *field)
{
	return field->type == PROTOBUF_C_TYPE_MESSAGE &&
	       field->descriptor == &google__protobuf__duration__descriptor;
}

static bool is_label(const ProtobufCFieldDescriptor *field)
{
	return field->type == PROTOBUF_C_TYPE_MESSAGE &&
	       field->descriptor == &pagecast__v1__label__descriptor;
}

/* interval=1.5s, 500ms or 2: a query has no types, so a number of seconds will do */
static bool is_time(const ProtobufCFieldDescriptor *field)
{
	return field->type == PROTOBUF_C_TYPE_MESSAGE && json_time_is(field->descriptor);
}

/* labels=key=value */
static void put_label(struct json_buffer *json, const struct query_param *param,
		      struct error *ret_error)
{
	const char *equals = strchr(param->value, '=');
	if (!equals || equals == param->value) {
		error_violate(ret_error, param->name, "\"%.128s\" is not of the form key=value",
			      param->value);
		return;
	}
	json_buffer_text(json, "{\"key\":");
	json_buffer_quote_bytes(json, param->value, (size_t)(equals - param->value));
	json_buffer_text(json, ",\"value\":");
	json_buffer_quote(json, equals + 1);
	json_buffer_text(json, "},");
}

/* states=A,B */
static void put_listed(struct json_buffer *json, const ProtobufCFieldDescriptor *field,
		       const char *value)
{
	while (*value) {
		size_t len = strcspn(value, ",");
		if (len) {
			put_value(json, field, value, len);
			json_buffer_char(json, ',');
		}
		value += len + (value[len] == ',');
	}
}

/* Every item puts a comma after itself; the last comma is removed. */
static void close_list(struct json_buffer *json, char bracket)
{
	if (json->len && json->data[json->len - 1] == ',')
		json->len--;
	json_buffer_char(json, bracket);
}

/* All that the query says of the field whose first mention is at @first. */
static void put_field(struct json_buffer *json, const ProtobufCFieldDescriptor *field,
		      const struct query *query, size_t first, struct error *ret_error)
{
	const char *name = field->name;
	bool list = field->label == PROTOBUF_C_LABEL_REPEATED;
	json_buffer_quote(json, name);
	json_buffer_text(json, list ? ":[" : ":");
	for (size_t i = first; i < query->count; i++) {
		const struct query_param *param = &query->params[i];
		if (!query_is(param->name, name))
			continue;
		if (list && is_label(field))
			put_label(json, param, ret_error);
		else if (list)
			put_listed(json, field, param->value);
		else if (i == first && is_duration(field))
			put_duration(json, param->value);
		else if (i == first)
			put_value(json, field, param->value, strlen(param->value));
		else
			error_violate(ret_error, name, "given more than once");
	}
	if (list)
		close_list(json, ']');
	json_buffer_char(json, ',');
}

static const ProtobufCFieldDescriptor *field_of(const ProtobufCMessageDescriptor *type,
						const char *name)
{
	for (unsigned int i = 0; i < type->n_fields; i++)
		if (query_is(name, type->fields[i].name))
			return &type->fields[i];
	return NULL;
}

/* A field that a query may set: plain, a time or a label, and not one that the path gives. */
static const ProtobufCFieldDescriptor *query_field(const struct request *request, const char *name)
{
	const ProtobufCFieldDescriptor *field = field_of(request->route->method->request, name);
	if (!field || request->route->body || *route_var(&request->match, field->name))
		return NULL;
	return field->type != PROTOBUF_C_TYPE_MESSAGE || is_label(field) || is_time(field) ? field
											   : NULL;
}

static bool is_param(const struct route *route, const char *name)
{
	for (const char *const *param = route->params; param && *param; param++)
		if (query_is(name, *param))
			return true;
	return false;
}

static bool is_first(const struct query *query, size_t index, const char *name)
{
	for (size_t i = 0; i < index; i++)
		if (query_is(query->params[i].name, name))
			return false;
	return true;
}

static void put_query(struct json_buffer *json, const struct request *request,
		      const struct query *query, struct error *ret_error)
{
	json_buffer_char(json, '{');
	for (size_t i = 0; i < query->count; i++) {
		const char *name = query->params[i].name;
		const ProtobufCFieldDescriptor *field = query_field(request, name);
		if (!is_first(query, i, field ? field->name : name))
			continue;
		if (field)
			put_field(json, field, query, i, ret_error);
		else if (!is_param(request->route, name))
			error_violate(ret_error, name, "unknown query parameter of this path");
	}
	close_list(json, '}');
}

void rest_bind_names(const struct error *fault, struct error *ret_error)
{
	for (size_t i = 0; i < fault->violation_count; i++) {
		char name[2 * ROUTE_VAR_BYTES_MAX];
		size_t len = 0;
		for (const char *at = fault->violations[i].field; *at && len + 2 < sizeof name;
		     at++) {
			if (*at >= 'A' && *at <= 'Z')
				name[len++] = '_';
			name[len++] = (char)(*at >= 'A' && *at <= 'Z' ? *at - 'A' + 'a' : *at);
		}
		name[len] = '\0';
		error_violate(ret_error, name, "%s", fault->violations[i].description);
	}
	if (!fault->violation_count)
		error_set(ret_error, fault->code, "%s", error_message(fault));
}

/* The query as a request message; only checked, where the message is the body's. */
static int read_query(const struct request *request, ProtobufCMessage **ret_message,
		      struct error *ret_error)
{
	_cleanup_json_buffer_ struct json_buffer json = JSON_BUFFER_NULL;
	struct query query;
	int r = query_parse(&query, request->query, ret_error);
	if (r)
		return r;
	put_query(&json, request, &query, ret_error);
	query_deinit(&query);
	if (ret_error->code)
		return (int)ret_error->code;
	if (json.failed)
		return out_of_memory(ret_error);
	if (request->route->body)
		return 0;
	_cleanup_error_ struct error fault = ERROR_NULL;
	r = json_read(request->route->method->request, json.data, json.len, NULL, ret_message,
		      &fault);
	if (r)
		rest_bind_names(&fault, ret_error);
	return r;
}

/* ---- body ---- */

/* Does the body of a route that takes a message around @field hold just what that field is? It does
 * if it has one of its required members at the top, and the field itself is not there. */
static bool is_bare(const struct request *request)
{
	const struct route *route = request->route;
	struct json_scan scan = {.text = (const char *)request->body, .len = request->body_len};
	size_t field = route->bare ? strlen(route->bare) : 0;
	size_t mark = route->bare ? strlen(route->bare_mark) : 0;
	bool bare = false;
	if (!route->bare || request->body_media == MEDIA_PROTOBUF || !request->body_len ||
	    json_scan_next(&scan) != JSON_TOKEN_OBJECT)
		return false;
	const char *name = NULL; /* a string that is one if a colon follows */
	size_t len = 0;
	for (int depth = 1; depth > 0;) {
		enum json_token token = json_scan_next(&scan);
		depth += (token == JSON_TOKEN_OBJECT || token == JSON_TOKEN_ARRAY) -
			 (token == JSON_TOKEN_OBJECT_END || token == JSON_TOKEN_ARRAY_END);
		if (token == JSON_TOKEN_INVALID || token == JSON_TOKEN_END)
			return false; /* the reader says what is wrong */
		if (token == JSON_TOKEN_COLON && depth == 1) {
			if (len == field && memcmp(name, route->bare, len) == 0)
				return false;
			bare |= len == mark && memcmp(name, route->bare_mark, len) == 0;
		} else if (token == JSON_TOKEN_STRING) {
			name = scan.text + scan.begin + 1;
			len = scan.end - scan.begin - 2;
		}
	}
	return bare;
}

static int read_body(const struct request *request, const ProtobufCMessageDescriptor *type,
		     ProtobufCMessage **ret_message, struct error *ret_error)
{
	if (request->body_media == MEDIA_PROTOBUF)
		return wire_read(type, request->body, request->body_len,
				 request_ignores_unknown(request), ret_message, ret_error);
	if (request->body_len)
		return json_read(type, (const char *)request->body, request->body_len,
				 &(struct json_read_options){
					 .ignore_unknown = request_ignores_unknown(request),
					 .judge = method_judge,
					 .misplaced = request->route->misplaced,
					 .misplaced_where = request->route->misplaced_where,
				 },
				 ret_message, ret_error);
	if (request->route->body_required)
		return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
				 "the body is empty; send a %s", type->short_name);
	*ret_message = new_message(type);
	return *ret_message ? 0 : out_of_memory(ret_error);
}

/* The body is one field of the request message. */
static int read_body_field(const struct request *request, const char *name,
			   ProtobufCMessage **ret_message, struct error *ret_error)
{
	const ProtobufCMessageDescriptor *type = request->route->method->request;
	const ProtobufCFieldDescriptor *field =
		protobuf_c_message_descriptor_get_field_by_name(type, name);
	ProtobufCMessage *part = NULL;
	int r = read_body(request, field->descriptor, &part, ret_error);
	if (r)
		return r;
	ProtobufCMessage *message = new_message(type);
	if (!message) {
		protobuf_c_message_free_unpacked(part, NULL);
		return out_of_memory(ret_error);
	}
	*(ProtobufCMessage **)((char *)message + field->offset) = part;
	*ret_message = message;
	return 0;
}

static int bind_vars(const struct request *request, ProtobufCMessage *message,
		     struct error *ret_error)
{
	for (size_t i = 0; i < request->match.var_count; i++) {
		const struct route_var *var = &request->match.vars[i];
		const ProtobufCFieldDescriptor *field =
			protobuf_c_message_descriptor_get_field_by_name(message->descriptor,
									var->name);
		const char *given = *(char **)((char *)message + field->offset);
		if (given && *given && strcmp(given, var->value) != 0) {
			error_violate(ret_error, var->name,
				      "\"%s\" differs from \"%s\" in the path", given, var->value);
			return ERROR_CODE_INVALID_ARGUMENT;
		}
		int r = rest_bind_string(message, var->name, var->value, ret_error);
		if (r)
			return r;
	}
	return 0;
}

int rest_bind(struct request *request, ProtobufCMessage **ret_message, struct error *ret_error)
{
	const struct route *route = request->route;
	ProtobufCMessage *message = NULL;
	int r = read_query(request, &message, ret_error);
	if (r)
		return r;
	if (is_bare(request))
		r = read_body_field(request, route->bare, &message, ret_error);
	else if (route->body && strcmp(route->body, "*") == 0)
		r = read_body(request, route->method->request, &message, ret_error);
	else if (route->body)
		r = read_body_field(request, route->body, &message, ret_error);
	if (r)
		return r;
	r = bind_vars(request, message, ret_error);
	if (!r && route->adjust)
		r = route->adjust(request, message, ret_error);
	if (r) {
		protobuf_c_message_free_unpacked(message, NULL);
		return r;
	}
	*ret_message = message;
	return 0;
}
