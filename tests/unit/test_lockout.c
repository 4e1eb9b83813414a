/* Wrong tokens wait, each address for itself: at the edges of the count, of the window and of the
 * table. Time is handed in. */
#include "api/auth/lockout.h"

#include "lib/test.h"

#include <stdio.h>
#include <string.h>

#define S INT64_C(1000000000)

static struct lockout *lockout;

static void fail_times(const char *address, int times, int64_t now_ns)
{
	for (int i = 0; i < times; i++)
		lockout_failed(lockout, address, now_ns);
}

static const char *numbered(unsigned int number)
{
	static char text[LOCKOUT_ADDRESS_MAX];
	snprintf(text, sizeof text, "198.18.%u.%u", number / 256, number % 256);
	return text;
}

TEST(lockout_begins_with_the_fifth_failure_and_ends_with_the_window)
{
	lockout = lockout_new();
	CHECK_INT(lockout_wait_s(lockout, "a", 100 * S), ==, 0);
	fail_times("a", LOCKOUT_FAILURES - 1, 100 * S);
	CHECK_INT(lockout_wait_s(lockout, "a", 100 * S), ==, 0);
	fail_times("a", 1, 101 * S);
	CHECK_INT(lockout_wait_s(lockout, "a", 101 * S), ==, 9); /* until the first is 10 s old */
	CHECK_INT(lockout_wait_s(lockout, "a", 110 * S - 1), ==, 1);
	CHECK_INT(lockout_wait_s(lockout, "a", 110 * S), ==, 0);
	fail_times("a", 1,
		   110 * S); /* five within ten seconds again: four at 100, one at 101 ... */
	CHECK_INT(lockout_wait_s(lockout, "a", 110 * S), ==, 0);
	fail_times("a", 3, 110 * S); /* ... until those at 100 are forgotten */
	CHECK_INT(lockout_wait_s(lockout, "a", 110 * S), ==, 1);
	CHECK_INT(lockout_wait_s(lockout, "a", 111 * S), ==, 0);
	lockout = lockout_free(lockout);
}

TEST(lockout_holds_for_one_address_only)
{
	static const char *const addresses[] = {"198.18.0.1",  "198.18.0.2",	 "198.18.0.10",
						"198.18.0.11", "2001:db8::1",	 "2001:db8::2",
						"unix",	       "2001:db8:0:1::1"};
	enum { ADDRESSES = sizeof addresses / sizeof *addresses };
	lockout = lockout_new();
	for (size_t i = 0; i < ADDRESSES; i++) {
		for (size_t k = 0; k < ADDRESSES; k++)
			CHECK_INT(lockout_wait_s(lockout, addresses[k], 100 * S), ==,
				  k < i ? 10 : 0);
		fail_times(addresses[i], LOCKOUT_FAILURES, 100 * S);
	}
	lockout = lockout_free(lockout);
}

TEST(lockout_forgets_the_oldest_address_when_its_table_is_full)
{
	lockout = lockout_new();
	for (unsigned int i = 0; i < LOCKOUT_ENTRIES; i++)
		fail_times(numbered(i), LOCKOUT_FAILURES, 100 * S + i);
	for (unsigned int i = 0; i < LOCKOUT_ENTRIES; i++)
		CHECK_INT(lockout_wait_s(lockout, numbered(i), 101 * S), >, 0);
	fail_times(numbered(0), 1, 101 * S); /* the second is the oldest now */
	fail_times("one more", 1, 102 * S);
	CHECK_INT(lockout_wait_s(lockout, numbered(1), 102 * S), ==, 0);
	CHECK_INT(lockout_wait_s(lockout, numbered(0), 102 * S), >, 0);
	for (unsigned int i = 2; i < LOCKOUT_ENTRIES; i++)
		CHECK_INT(lockout_wait_s(lockout, numbered(i), 102 * S), >, 0);
	CHECK_INT(lockout_wait_s(lockout, "one more", 102 * S), ==, 0);
	fail_times("one more", LOCKOUT_FAILURES - 1, 102 * S);
	CHECK_INT(lockout_wait_s(lockout, "one more", 102 * S), >, 0);
	lockout = lockout_free(lockout);
}

TEST(lockout_counts_a_long_address_as_one)
{
	char text[2 * LOCKOUT_ADDRESS_MAX];
	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	lockout = lockout_new();
	fail_times(text, LOCKOUT_FAILURES, 100 * S);
	CHECK_INT(lockout_wait_s(lockout, text, 100 * S), ==, 10);
	lockout = lockout_free(lockout);
}

TEST_MAIN(CASE(lockout_begins_with_the_fifth_failure_and_ends_with_the_window),
	  CASE(lockout_holds_for_one_address_only),
	  CASE(lockout_forgets_the_oldest_address_when_its_table_is_full),
	  CASE(lockout_counts_a_long_address_as_one))
