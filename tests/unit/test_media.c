/* media: Content-Type and Accept. */
#include "lib/test.h"

#include "api/http/media.h"

#include <stddef.h>

static enum media choose(const char *first, const char *second)
{
	struct media_accept accept = {0};
	if (first)
		media_accept_add(&accept, first);
	if (second)
		media_accept_add(&accept, second);
	return media_accept_choose(&accept);
}

TEST(media_type_reads_content_types)
{
	static const struct {
		const char *text;
		enum media media;
	} cases[] = {
		{NULL, MEDIA_NONE},
		{"application/json", MEDIA_JSON},
		{"Application/JSON ; charset=UTF-8", MEDIA_JSON},
		{"application/json;charset=\"utf-8\"", MEDIA_JSON},
		{"application/json; charset=utf-16", MEDIA_OTHER},
		{"application/jsonx", MEDIA_OTHER},
		{"application/x-protobuf", MEDIA_PROTOBUF},
		{"application/protobuf; messageType=JobSpec", MEDIA_PROTOBUF},
		{"application/x-www-form-urlencoded", MEDIA_FORM},
		{"multipart/form-data; boundary=x", MEDIA_FORM},
		{"text/plain", MEDIA_FORM},
		{"text/plain;application/json", MEDIA_FORM},
		{"text/html", MEDIA_OTHER},
		{"", MEDIA_OTHER},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (media_type(cases[i].text) != cases[i].media)
			test_fail(__FILE__, __LINE__, "%s", cases[i].text);
}

TEST(media_accept_prefers_what_is_named_and_weighted)
{
	CHECK_INT(choose(NULL, NULL), ==, MEDIA_JSON);
	CHECK_INT(choose("*/*", NULL), ==, MEDIA_JSON);
	CHECK_INT(choose("application/x-protobuf", NULL), ==, MEDIA_PROTOBUF);
	CHECK_INT(choose("application/x-protobuf, */*", NULL), ==, MEDIA_PROTOBUF);
	CHECK_INT(choose("application/json, application/protobuf", NULL), ==, MEDIA_JSON);
	CHECK_INT(choose("application/json;q=0.5, application/protobuf", NULL), ==, MEDIA_PROTOBUF);
	CHECK_INT(choose("application/json", "application/protobuf;q=0.9"), ==, MEDIA_JSON);
	CHECK_INT(choose("text/html,application/xhtml+xml,*/*;q=0.8", NULL), ==, MEDIA_JSON);
	CHECK_INT(choose("application/json;q=0, */*", NULL), ==, MEDIA_PROTOBUF);
}

TEST(media_accept_finds_nothing_acceptable)
{
	CHECK_INT(choose("text/html", NULL), ==, MEDIA_NONE);
	CHECK_INT(choose("application/json;q=0", NULL), ==, MEDIA_NONE);
	CHECK_INT(choose("", NULL), ==, MEDIA_NONE);
}

TEST(media_is_one_type_whatever_its_parameters)
{
	CHECK(media_is("application/connect+json", "application/connect+json"));
	CHECK(media_is("Application/JSON ; charset=utf-8", "application/json"));
	CHECK(!media_is("application/json; charset=latin1", "application/json"));
	CHECK(!media_is("application/jsonx", "application/json"));
	CHECK(!media_is(NULL, "application/json"));
}

TEST(media_lists_a_token_unless_its_weight_is_nothing)
{
	CHECK(media_lists("gzip", "gzip"));
	CHECK(media_lists("br, GZIP;q=0.5", "gzip"));
	CHECK(!media_lists("br, gzip;q=0", "gzip"));
	CHECK(!media_lists("gzipped, identity", "gzip"));
	CHECK(!media_lists("", "gzip"));
	CHECK(!media_lists(NULL, "gzip"));
}

static bool gzip_wanted(const char *first, const char *second)
{
	struct media_coding coding = {0};
	if (first)
		media_coding_add(&coding, first);
	if (second)
		media_coding_add(&coding, second);
	return media_coding_gzip(&coding);
}

TEST(media_coding_weighs_gzip_against_plain_bytes)
{
	CHECK(gzip_wanted("gzip", NULL));
	CHECK(gzip_wanted("br, GZIP;q=0.5", NULL));
	CHECK(gzip_wanted("deflate, x-gzip", NULL));
	CHECK(gzip_wanted("br", "gzip"));
	CHECK(gzip_wanted("*", NULL));
	CHECK(gzip_wanted("*;q=0.1", NULL));
	CHECK(gzip_wanted("gzip;q=0.5, identity;q=0.5", NULL));
	CHECK(gzip_wanted("gzip;q=0.5, *;q=0", NULL));
	CHECK(gzip_wanted("identity;q=0, gzip;q=0.001", NULL));
	CHECK(!gzip_wanted(NULL, NULL));
	CHECK(!gzip_wanted("", NULL));
	CHECK(!gzip_wanted("br", NULL));
	CHECK(!gzip_wanted("gzip;q=0", NULL));
	CHECK(!gzip_wanted("gzip; q=0.000", NULL));
	CHECK(!gzip_wanted("*, gzip;q=0", NULL));
	CHECK(!gzip_wanted("gzip;q=0, *", NULL));
	CHECK(!gzip_wanted("gzip;q=0.5, identity", NULL));
	CHECK(!gzip_wanted("gzip;q=0.5", "identity;q=0.8"));
	CHECK(!gzip_wanted("gzipped, xgzip", NULL));
}

TEST_MAIN(CASE(media_type_reads_content_types),
	  CASE(media_accept_prefers_what_is_named_and_weighted),
	  CASE(media_accept_finds_nothing_acceptable),
	  CASE(media_is_one_type_whatever_its_parameters),
	  CASE(media_lists_a_token_unless_its_weight_is_nothing),
	  CASE(media_coding_weighs_gzip_against_plain_bytes))
