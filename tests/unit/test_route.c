/* route: patterns, the judgement of raw paths, Allow. */
#include "lib/test.h"

#include <stdio.h>
#include <string.h>

#include "api/http/route.h"
#include "api/rest/rest.h"
#include "api/rpc/rpc.h"

/* All that is served, put together as the server does. */
static const struct routes *all_routes(void)
{
	static const struct route_table *tables[2];
	static const struct routes routes = {tables, 2};
	tables[0] = &REST_ROUTES;
	tables[1] = rpc_routes();
	return &routes;
}

TEST(route_finds_each_verb_of_a_path)
{
	struct route_match match;
	bool known;
	const struct route *submit =
		route_find(all_routes(), ROUTE_POST, "/v1/jobs", &match, &known);
	CHECK(submit && submit->method == &METHODS[METHOD_SUBMIT_JOB]);
	const struct route *get =
		route_find(all_routes(), ROUTE_GET, "/v1/jobs/01HX", &match, &known);
	CHECK(get && get->method == &METHODS[METHOD_GET_JOB]);
	CHECK_STR(route_var(&match, "id"), "01HX");
	CHECK_STR(route_var(&match, "other"), "");
	CHECK(route_find(all_routes(), ROUTE_HEAD, "/v1/jobs/01HX", &match, &known) == get);
}

TEST(route_tells_an_action_from_an_id)
{
	struct route_match match;
	bool known;
	const struct route *one =
		route_find(all_routes(), ROUTE_POST, "/v1/jobs/01HX:cancel", &match, &known);
	CHECK(one && one->method == &METHODS[METHOD_CANCEL_JOB]);
	CHECK_STR(route_var(&match, "id"), "01HX");
	const struct route *all =
		route_find(all_routes(), ROUTE_POST, "/v1/jobs:cancel", &match, &known);
	CHECK(all && all->method == &METHODS[METHOD_CANCEL_JOBS]);
	CHECK(!route_find(all_routes(), ROUTE_POST, "/v1/jobs/01HX:explode", &match, &known) &&
	      !known);
	CHECK(!route_find(all_routes(), ROUTE_POST, "/v1/jobs/:cancel", &match, &known) && !known);
}

TEST(route_knows_a_path_that_the_verb_does_not_fit)
{
	struct route_match match;
	bool known;
	CHECK(!route_find(all_routes(), ROUTE_DELETE, "/v1/jobs", &match, &known) && known);
	CHECK(!route_find(all_routes(), ROUTE_GET, "/v1/jobs/", &match, &known) && !known);
	CHECK(!route_find(all_routes(), ROUTE_GET, "/v1/jobs/a/b", &match, &known) && !known);
	CHECK(!route_find(all_routes(), ROUTE_GET, "/v1/Jobs", &match, &known) && !known);
	CHECK(!route_find(all_routes(), ROUTE_GET, "/v1", &match, &known) && !known);
}

TEST(route_refuses_a_variable_that_is_too_long)
{
	struct route_match match;
	bool known;
	char path[400] = "/v1/jobs/";
	memset(path + 9, 'a', ROUTE_VAR_BYTES_MAX);
	CHECK(route_find(all_routes(), ROUTE_GET, path, &match, &known));
	path[9 + ROUTE_VAR_BYTES_MAX] = 'a';
	CHECK(!route_find(all_routes(), ROUTE_GET, path, &match, &known) && !known);
}

TEST(route_allow_lists_verbs)
{
	char allow[ROUTE_ALLOW_BYTES];
	route_allow(all_routes(), "/v1/jobs", allow);
	CHECK_STR(allow, "GET, HEAD, POST, OPTIONS");
	route_allow(all_routes(), "/v1/jobs/x:pause", allow);
	CHECK_STR(allow, "POST, OPTIONS");
	route_allow(all_routes(), NULL, allow);
	CHECK_STR(allow, "GET, HEAD, POST, PATCH, DELETE, OPTIONS");
}

TEST(route_judges_raw_paths)
{
	static const char *const good[] = {
		"/", "/v1/jobs", "/v1/jobs/a:cancel", "/a%20b", "/...", "/a.b/..c", "/%C3%A9"};
	static const char *const bad[] = {"",
					  "*",
					  "v1/jobs",
					  "//v1/jobs",
					  "/v1//jobs",
					  "/v1/../x",
					  "/..",
					  "/.",
					  "/a/./b",
					  "/a%00b",
					  "/%2e%2e/b",
					  "/a/%2E./b",
					  "/a%2f%2e%2e%2fb",
					  "/a%2f/b",
					  "/a%5cb",
					  "/a\\b",
					  "/a%0db",
					  "/a%zz",
					  "/a%2",
					  "/a b",
					  "/a\x01",
					  "/\xc3\xa9",
					  "http://h/v1/jobs",
					  "/a#b",
					  "/<x>"};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (route_path_fault(good[i]))
			test_fail(__FILE__, __LINE__, "%s: %s", good[i], route_path_fault(good[i]));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (!route_path_fault(bad[i]))
			test_fail(__FILE__, __LINE__, "\"%s\" was taken", bad[i]);
}

TEST(route_verb_tells_unknown_from_unused)
{
	CHECK_INT(route_verb("GET"), ==, ROUTE_GET);
	CHECK_INT(route_verb("PATCH"), ==, ROUTE_PATCH);
	CHECK_INT(route_verb("PUT"), ==, ROUTE_OTHER);
	CHECK_INT(route_verb("TRACE"), ==, ROUTE_OTHER);
	CHECK_INT(route_verb("get"), ==, ROUTE_UNKNOWN);
	CHECK_INT(route_verb("BREW"), ==, ROUTE_UNKNOWN);
	CHECK_INT(route_verb(""), ==, ROUTE_UNKNOWN);
}

/* Every route must be able to bind its path, body and method: a table that lies fails here. */
TEST(route_tables_agree_with_their_methods)
{
	for (size_t l = 0; l < REST_ROUTES.list_count; l++) {
		const struct route_list *list = REST_ROUTES.lists[l];
		for (size_t i = 0; i < list->count; i++) {
			const struct route *route = &list->routes[i];
			CHECK(route->handle);
			CHECK(route->method || (route->summary && route->produces));
			CHECK(!route->body == !route->body_max_bytes);
			if (!route->method)
				continue;
			const ProtobufCMessageDescriptor *type = route->method->request;
			if (strstr(route->path, "{id}"))
				CHECK(protobuf_c_message_descriptor_get_field_by_name(type, "id"));
			if (route->body && strcmp(route->body, "*") != 0)
				CHECK(protobuf_c_message_descriptor_get_field_by_name(type,
										      route->body));
		}
	}
}

TEST(route_finds_every_method_of_the_schema)
{
	struct route_match match;
	bool known;
	for (size_t i = 0; i < TABLES_METHOD_COUNT; i++) {
		char path[256];
		const struct tables_method *rpc = &TABLES_METHODS[i];
		snprintf(path, sizeof path, "/%s/%s", rpc->service, rpc->name);
		const struct route *route =
			route_find(all_routes(), ROUTE_POST, path, &match, &known);
		CHECK(route && route->schema == rpc && route->choose);
		CHECK(route->method == method_find(rpc->service, rpc->name));
		CHECK(!route_find(all_routes(), ROUTE_GET, path, &match, &known) ==
		      !rpc->no_side_effects);
		CHECK(known);
		path[strlen(path) - 1] ^= 0x20; /* in the other case */
		CHECK(!route_find(all_routes(), ROUTE_POST, path, &match, &known) && !known);
	}
}

TEST(route_says_of_an_unknown_path_what_its_protocol_says)
{
	CHECK_INT(route_unknown_path(all_routes(), "/v1/nothing"), ==, ERROR_CODE_NOT_FOUND);
	CHECK_INT(route_unknown_path(all_routes(), "/pagecast.v1.NoService/GetJob"), ==,
		  ERROR_CODE_UNIMPLEMENTED);
}

TEST_MAIN(CASE(route_finds_each_verb_of_a_path), CASE(route_tells_an_action_from_an_id),
	  CASE(route_knows_a_path_that_the_verb_does_not_fit),
	  CASE(route_refuses_a_variable_that_is_too_long), CASE(route_allow_lists_verbs),
	  CASE(route_judges_raw_paths), CASE(route_verb_tells_unknown_from_unused),
	  CASE(route_tables_agree_with_their_methods), CASE(route_finds_every_method_of_the_schema),
	  CASE(route_says_of_an_unknown_path_what_its_protocol_says))
