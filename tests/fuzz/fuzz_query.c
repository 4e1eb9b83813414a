/* Query strings and raw paths: taken apart as they say, or refused in words. */
#include <string.h>

#include "api/codec/utf8.h"
#include "api/http/query.h"
#include "api/http/route.h"
#include "api/rest/rest.h"
#include "api/rpc/rpc.h"
#include "fuzz/fuzz.h"

static void check_query(const char *text)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct query query = QUERY_NULL;
	int r = query_parse(&query, text, &error);
	FUZZ_CHECK(r == 0 || r == ERROR_CODE_INVALID_ARGUMENT);
	if (r)
		return;
	FUZZ_CHECK(query.count <= LIMIT_QUERY_PARAMS);
	for (size_t i = 0; i < query.count; i++) {
		const char *value;
		size_t len = strlen(query.params[i].value);
		FUZZ_CHECK(utf8_bad_offset(query.params[i].value, len) == len);
		query_one(&query, query.params[i].name, &value, &error);
	}
	query_deinit(&query);
}

static void check_path(const char *path)
{
	const struct route_table *tables[] = {&REST_ROUTES, rpc_routes()};
	const struct routes routes = {tables, sizeof tables / sizeof *tables};
	struct route_match match = {0};
	char allow[ROUTE_ALLOW_BYTES];
	bool known;
	if (route_path_fault(path))
		return;
	for (int verb = ROUTE_GET; verb <= ROUTE_UNKNOWN; verb++)
		if (route_find(&routes, (enum route_verb)verb, path, &match, &known))
			FUZZ_CHECK(known && match.var_count <= ROUTE_VARS_MAX);
	route_allow(&routes, path, allow);
	FUZZ_CHECK(strlen(allow) < sizeof allow);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *target = malloc(size + 1);
	FUZZ_CHECK(target);
	memcpy(target, data, size);
	target[size] = '\0';
	char *question = strchr(target, '?');
	if (question)
		*question++ = '\0';
	check_path(target);
	check_query(question);
	free(target);
	return 0;
}
