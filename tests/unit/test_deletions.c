/* The last deletions are known, and how far back they reach. */
#include "core/job/deletions.h"
#include "lib/test.h"

static const char *id_of(uint64_t number)
{
	static char id[JOB_ID_LEN + 1];
	snprintf(id, sizeof id, "%0*llu", JOB_ID_LEN, (unsigned long long)number);
	return id;
}

TEST(deletions_forget_the_oldest_and_say_from_where_on_they_are_complete)
{
	static struct deletions deletions;
	for (uint64_t i = 1; i <= DELETIONS_MAX; i++)
		deletions_note(&deletions, id_of(i), 100 + i);
	CHECK_INT(deletions.floor, ==, 0);
	CHECK_INT(deletions_find(&deletions, id_of(1))->revision, ==, 101);
	deletions_note(&deletions, id_of(5000), 9000);
	CHECK(!deletions_find(&deletions, id_of(1)));
	CHECK_INT(deletions.floor, ==, 101); /* who knows revision 101 misses nothing */
	CHECK_INT(deletions_find(&deletions, id_of(2))->revision, ==, 102);
	CHECK_INT(deletions_find(&deletions, id_of(5000))->revision, ==, 9000);
	CHECK(!deletions_find(&deletions, id_of(5001)));
}

TEST_MAIN(CASE(deletions_forget_the_oldest_and_say_from_where_on_they_are_complete))
