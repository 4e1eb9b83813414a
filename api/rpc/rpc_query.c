/* rpc_query: see rpc_query.h. */
#include "api/rpc/rpc_query.h"

#include "api/codec/base64.h"
#include "api/http/query.h"

#include <stdlib.h>
#include <string.h>

enum param { PARAM_ENCODING, PARAM_MESSAGE, PARAM_BASE64, PARAM_COMPRESSION, PARAM_CONNECT };
enum { PARAM_COUNT = PARAM_CONNECT + 1 };

static const char *const NAMES[PARAM_COUNT] = {
	[PARAM_ENCODING] = "encoding",	     [PARAM_MESSAGE] = "message", [PARAM_BASE64] = "base64",
	[PARAM_COMPRESSION] = "compression", [PARAM_CONNECT] = "connect",
};

struct value {
	char *data; /* [len], decoded in place; NULL: absent */
	size_t len;
};

static bool value_is(const struct value *value, const char *text)
{
	return value->data && value->len == strlen(text) &&
	       memcmp(value->data, text, value->len) == 0;
}

/* Return: which parameter the name, decoded, is; PARAM_COUNT: unknown. */
static int find_param(char *name, size_t len)
{
	if (!query_unescape_bytes(name, &len, true))
		return PARAM_COUNT;
	for (int i = 0; i < PARAM_COUNT; i++)
		if (len == strlen(NAMES[i]) && memcmp(name, NAMES[i], len) == 0)
			return i;
	return PARAM_COUNT;
}

static void read_param(char *pair, struct value values[static PARAM_COUNT], struct error *ret_error)
{
	size_t name_len = strcspn(pair, "=");
	struct value value = {pair + name_len + (pair[name_len] == '='), 0};
	value.len = strlen(value.data);
	int param = find_param(pair, name_len);
	if (param == PARAM_COUNT)
		return;
	if (values[param].data)
		error_violate(ret_error, NAMES[param], "given more than once");
	else if (!query_unescape_bytes(value.data, &value.len, true))
		error_violate(ret_error, NAMES[param],
			      "contains a %% without two hexadecimal digits");
	else
		values[param] = value;
}

static int check_values(struct value values[static PARAM_COUNT], struct error *ret_error)
{
	struct value *message = &values[PARAM_MESSAGE];
	size_t len;
	if (!message->data)
		error_violate(ret_error, "message",
			      "missing: the request message, percent-escaped or in base64");
	if (values[PARAM_CONNECT].data && !value_is(&values[PARAM_CONNECT], "v1"))
		error_violate(ret_error, "connect", "must be v1");
	if (ret_error->code)
		return (int)ret_error->code;
	if (values[PARAM_COMPRESSION].len && !value_is(&values[PARAM_COMPRESSION], "gzip") &&
	    !value_is(&values[PARAM_COMPRESSION], "identity"))
		return error_set(ret_error, ERROR_CODE_UNIMPLEMENTED,
				 "unsupported compression; use gzip or identity");
	if (!value_is(&values[PARAM_BASE64], "1"))
		return 0;
	if (!base64_decode(message->data, message->len, (uint8_t *)message->data, &len)) {
		error_violate(ret_error, "message", "not valid base64 at character %zu", len);
		return ERROR_CODE_INVALID_ARGUMENT;
	}
	message->len = len;
	return 0;
}

static int make(const struct value values[static PARAM_COUNT], struct rpc_query **ret_query,
		struct error *ret_error)
{
	const struct value *message = &values[PARAM_MESSAGE];
	struct rpc_query *query = malloc(sizeof *query + message->len);
	if (!query)
		return error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	query->codec = value_is(&values[PARAM_ENCODING], "json")    ? MEDIA_JSON
		       : value_is(&values[PARAM_ENCODING], "proto") ? MEDIA_PROTOBUF
								    : MEDIA_NONE;
	query->compressed = value_is(&values[PARAM_COMPRESSION], "gzip");
	query->len = message->len;
	memcpy(query->message, message->data, message->len);
	*ret_query = query;
	return 0;
}

int rpc_query_read(const char *raw, struct rpc_query **ret_query, struct error *ret_error)
{
	struct value values[PARAM_COUNT] = {0};
	char *text = strdup(raw ? raw : ""), *rest = text;
	if (!text)
		return error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	for (char *pair; (pair = strsep(&rest, "&"));)
		read_param(pair, values, ret_error);
	int r = check_values(values, ret_error);
	if (!r)
		r = make(values, ret_query, ret_error);
	free(text);
	return r;
}
