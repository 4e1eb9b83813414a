/* The tables made from the schema at build time. */
#include "api/tables/tables.h"
#include "lib/test.h"

#include "pagecast/v1/job.pb-c.h"
#include "pagecast/v1/transmit_service.pb-c.h"

TEST(tables_know_streaming_and_side_effects)
{
	const struct tables_method *watch =
		tables_method("pagecast.v1.TransmitService", "WatchJob");
	CHECK(watch && watch->server_streaming && !watch->no_side_effects);
	const struct tables_method *get = tables_method("pagecast.v1.TransmitService", "GetJob");
	CHECK(get && !get->server_streaming && get->no_side_effects);
	CHECK(get->request == &pagecast__v1__get_job_request__descriptor);
	CHECK(get->response == &pagecast__v1__job__descriptor);
	CHECK(!tables_method("pagecast.v1.TransmitService", "getJob"));
	CHECK(!tables_method("pagecast.v1.AgentService", "GetJob"));
}

TEST(tables_hold_the_comments_sorted)
{
	for (size_t i = 1; i < TABLES_DOC_COUNT; i++)
		CHECK(strcmp(TABLES_DOCS[i - 1].name, TABLES_DOCS[i].name) < 0);
	CHECK_INT(TABLES_METHOD_COUNT, >, 20);
	CHECK(!tables_doc("pagecast.v1.Nothing"));
	for (size_t i = 0; i < TABLES_DOC_COUNT; i++)
		CHECK(tables_doc(TABLES_DOCS[i].name) == TABLES_DOCS[i].text);
}

TEST_MAIN(CASE(tables_know_streaming_and_side_effects), CASE(tables_hold_the_comments_sorted))
