/* Names of jobs sort by creation, also within a millisecond and when the clock is set back. */
#include "lib/test.h"
#include "store/job_id.h"

static const int64_t NOW_NS = INT64_C(1469918176385) * 1000000; /* 01ARYZ6S41 as a ULID's time */

TEST(job_id_begins_with_the_time)
{
	struct job_ids ids = JOB_IDS_NULL;
	char id[JOB_ID_LEN + 1];
	CHECK_INT(job_id_next(&ids, NOW_NS, id), ==, 0);
	CHECK(job_id_valid(id));
	CHECK(strncmp(id, "01ARYZ6S41", 10) == 0);
}

TEST(job_id_rises_within_a_millisecond_and_when_the_clock_goes_back)
{
	struct job_ids ids = JOB_IDS_NULL;
	char last[JOB_ID_LEN + 1] = "", id[JOB_ID_LEN + 1];
	for (int i = 0; i < 10000; i++) {
		int64_t now_ns = NOW_NS + (i < 5000 ? i * 100 : -i * INT64_C(1000000));
		CHECK_INT(job_id_next(&ids, now_ns, id), ==, 0);
		CHECK(strcmp(id, last) > 0);
		strcpy(last, id);
	}
}

TEST(job_id_rises_past_the_last_of_a_millisecond)
{
	struct job_ids ids = JOB_IDS_NULL;
	char id[JOB_ID_LEN + 1];
	job_id_seen(&ids, "01ARYZ6S41ZZZZZZZZZZZZZZZZ");
	CHECK_INT(job_id_next(&ids, NOW_NS, id), ==, 0);
	CHECK(strcmp(id, "01ARYZ6S41ZZZZZZZZZZZZZZZZ") > 0);
	CHECK(strncmp(id, "01ARYZ6S42", 10) == 0);
}

TEST(job_id_stays_above_what_was_seen)
{
	struct job_ids ids = JOB_IDS_NULL;
	char id[JOB_ID_LEN + 1];
	job_id_seen(&ids, "01BX5ZZKBKACTAV9WEVGEMMVRY");
	job_id_seen(&ids, "01BX5ZZKBK0000000000000000"); /* an older one changes nothing */
	CHECK_INT(job_id_next(&ids, NOW_NS, id), ==, 0);
	CHECK_STR(id, "01BX5ZZKBKACTAV9WEVGEMMVRZ");
	CHECK_INT(job_id_next(&ids, NOW_NS, id), ==, 0);
	CHECK_STR(id, "01BX5ZZKBKACTAV9WEVGEMMVS0");
}

TEST(job_id_differs_from_agent_to_agent)
{
	struct job_ids a = JOB_IDS_NULL, b = JOB_IDS_NULL;
	char id_a[JOB_ID_LEN + 1], id_b[JOB_ID_LEN + 1];
	CHECK_INT(job_id_next(&a, NOW_NS, id_a), ==, 0);
	CHECK_INT(job_id_next(&b, NOW_NS, id_b), ==, 0);
	CHECK(strcmp(id_a, id_b) != 0);
}

TEST(job_id_knows_its_form)
{
	CHECK(job_id_valid("01BX5ZZKBKACTAV9WEVGEMMVRZ"));
	CHECK(!job_id_valid(""));
	CHECK(!job_id_valid("01BX5ZZKBKACTAV9WEVGEMMVR"));   /* short */
	CHECK(!job_id_valid("01BX5ZZKBKACTAV9WEVGEMMVRZZ")); /* long */
	CHECK(!job_id_valid("01BX5ZZKBKACTAV9WEVGEMMVRU"));  /* no digit of the alphabet */
	CHECK(!job_id_valid("01bx5zzkbkactav9wevgemmvrz"));
	CHECK(!job_id_valid("81BX5ZZKBKACTAV9WEVGEMMVRZ")); /* over 128 bits */
}

TEST_MAIN(CASE(job_id_begins_with_the_time),
	  CASE(job_id_rises_within_a_millisecond_and_when_the_clock_goes_back),
	  CASE(job_id_rises_past_the_last_of_a_millisecond), CASE(job_id_stays_above_what_was_seen),
	  CASE(job_id_differs_from_agent_to_agent), CASE(job_id_knows_its_form))
