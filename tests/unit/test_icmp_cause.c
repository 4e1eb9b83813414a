/* What ICMP errors mean, by type, code and sender. */
#include "base/util.h"
#include "engine/icmp_cause.h"
#include "lib/test.h"

#define FROM(who) ICMP_FROM_##who
#define IS(cause) ICMP_CAUSE_##cause

TEST(icmp_cause_is_told_by_type_code_and_sender)
{
	static const struct {
		bool v6;
		uint8_t type, code;
		enum icmp_cause by_destination, by_here, by_other;
	} rows[] = {
		{false, 3, 0, IS(UNREACHABLE), IS(FILTER_HERE), IS(UNREACHABLE)},
		{false, 3, 1, IS(UNREACHABLE), IS(NEIGHBOUR), IS(UNREACHABLE)},
		{false, 3, 2, IS(PROTOCOL), IS(FILTER_HERE), IS(FILTER)},
		{false, 3, 3, IS(PORT), IS(FILTER_HERE), IS(FILTER)},
		{false, 3, 4, IS(TOO_LONG), IS(TOO_LONG), IS(TOO_LONG)},
		{false, 3, 5, IS(OTHER), IS(OTHER), IS(OTHER)},
		{false, 3, 9, IS(FILTER), IS(FILTER_HERE), IS(FILTER)},
		{false, 3, 10, IS(FILTER), IS(FILTER_HERE), IS(FILTER)},
		{false, 3, 13, IS(FILTER), IS(FILTER_HERE), IS(FILTER)},
		{false, 11, 0, IS(HOP_LIMIT), IS(HOP_LIMIT), IS(HOP_LIMIT)},
		{false, 11, 1, IS(OTHER), IS(OTHER), IS(OTHER)},
		{false, 12, 0, IS(OTHER), IS(OTHER), IS(OTHER)},
		{false, 4, 0, IS(OTHER), IS(OTHER), IS(OTHER)},
		{true, 1, 0, IS(UNREACHABLE), IS(FILTER_HERE), IS(UNREACHABLE)},
		{true, 1, 1, IS(FILTER), IS(FILTER_HERE), IS(FILTER)},
		{true, 1, 3, IS(UNREACHABLE), IS(NEIGHBOUR), IS(UNREACHABLE)},
		{true, 1, 4, IS(PORT), IS(FILTER_HERE), IS(FILTER)},
		{true, 1, 5, IS(FILTER), IS(FILTER_HERE), IS(FILTER)},
		{true, 1, 6, IS(FILTER), IS(FILTER_HERE), IS(FILTER)},
		{true, 2, 0, IS(TOO_LONG), IS(TOO_LONG), IS(TOO_LONG)},
		{true, 3, 0, IS(HOP_LIMIT), IS(HOP_LIMIT), IS(HOP_LIMIT)},
		{true, 4, 1, IS(PROTOCOL), IS(FILTER_HERE), IS(FILTER)},
		{true, 4, 0, IS(OTHER), IS(OTHER), IS(OTHER)},
		{true, 3 + 100, 3, IS(OTHER), IS(OTHER), IS(OTHER)},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CHECK_INT(icmp_cause_of(rows[i].v6, rows[i].type, rows[i].code, FROM(DESTINATION)),
			  ==, rows[i].by_destination);
		CHECK_INT(icmp_cause_of(rows[i].v6, rows[i].type, rows[i].code, FROM(HERE)), ==,
			  rows[i].by_here);
		CHECK_INT(icmp_cause_of(rows[i].v6, rows[i].type, rows[i].code, FROM(OTHER)), ==,
			  rows[i].by_other);
	}
}

TEST_MAIN(CASE(icmp_cause_is_told_by_type_code_and_sender))
