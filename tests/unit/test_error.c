/* The one error form: codes, sentences, violations. */
#include "lib/test.h"
#include "pagecast/error.h"

TEST(error_lists_all_violations_and_says_how_many_more)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	error_violate(&error, "streams[0].udp.port", "%u is not between 1 and 65535", 70000U);
	CHECK_INT(error.code, ==, ERROR_CODE_INVALID_ARGUMENT);
	CHECK_STR(error_message(&error), "streams[0].udp.port: 70000 is not between 1 and 65535");
	error_violate(&error, "name", "longer than 128 bytes");
	CHECK_INT(error.violation_count, ==, 2);
	CHECK_STR(error_message(&error),
		  "streams[0].udp.port: 70000 is not between 1 and 65535 (and 1 more)");
}

TEST(error_bounds_what_it_lists)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	for (int i = 0; i < ERROR_VIOLATIONS_MAX + 10; i++)
		error_violate(&error, "f", "%d", i);
	CHECK_INT(error.violation_count, ==, ERROR_VIOLATIONS_MAX);
	CHECK_INT(error.violations_unlisted, ==, 10);
	CHECK_HAS(error_message(&error), "(and 73 more)");
}

TEST(error_takes_over_only_what_is_new)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	_cleanup_error_ struct error more = ERROR_NULL;
	error_violate(&error, "streams[0].payloads[0].txt", "unknown");
	error_violate(&error, "streams[1]", "no object");
	error_violate(&more, "streams[0].payloads[0]", "empty"); /* above one */
	error_violate(&more, "streams[1].udp.port", "0");	 /* below one */
	error_violate(&more, "streams[10].udp.port", "0");	 /* another stream */
	error_violate(&more, "streams[0].rate.pps", "-1");
	error_violate_new(&error, &more);
	CHECK_INT(error.violation_count, ==, 4);
	CHECK_STR(error.violations[2].field, "streams[10].udp.port");
	CHECK_STR(error.violations[3].field, "streams[0].rate.pps");
	CHECK_HAS(error_message(&error), "(and 3 more)");
}

TEST(error_names_fields_as_the_caller_sees_them)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	error_nest(&error, "spec"); /* nothing to name */
	CHECK_INT(error.code, ==, 0);
	error_violate(&error, "streams[0].udp.port", "0");
	error_violate(&error, "specimen", "unknown");
	error_nest(&error, "spec");
	CHECK_STR(error.violations[0].field, "spec.streams[0].udp.port");
	CHECK_STR(error_message(&error), "spec.streams[0].udp.port: 0 (and 1 more)");
	error_violate(&error, "requestId", "long");
	error_violate(&error, "spec", "missing");
	error_unnest(&error, "spec");
	CHECK_STR(error.violations[0].field, "streams[0].udp.port");
	CHECK_STR(error.violations[1].field, "specimen");
	CHECK_STR(error.violations[2].field, "requestId");
	CHECK_STR(error.violations[3].field, "spec");
	CHECK_STR(error_message(&error), "streams[0].udp.port: 0 (and 3 more)");
	error_unnest(&error, "spec");
	CHECK_STR(error.violations[1].field, "specimen");
}

TEST(error_set_may_quote_the_message_it_replaces)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	error_set(&error, ERROR_CODE_NOT_FOUND, "no job %s", "X");
	error_set(&error, ERROR_CODE_INTERNAL, "while looking: %s", error_message(&error));
	CHECK_STR(error_message(&error), "while looking: no job X");
	CHECK_STR(error_code_name(error.code), "internal");
}

TEST(error_set_replaces_the_reason_too)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	error_set(&error, ERROR_CODE_INVALID_ARGUMENT, "no");
	error.reason = "INVALID_JSON";
	error_fact(&error, "offset", "%d", 7);
	CHECK_STR(error.facts[0].value, "7");
	error_set(&error, ERROR_CODE_INTERNAL, "no memory");
	CHECK(!error.reason);
	CHECK_INT(error.fact_count, ==, 0);
}

TEST(error_renames_a_field_and_lists_an_equal_fault_once)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	error_violate(&error, "streams", "5 pps are more than 3");
	error_violate(&error, "streams[0].rate.pps", "-1");
	error_violate(&error, "streams[1].rate.pps", "-1");
	error_violate(&error, "streams[1].rate", "5 pps are more than 3");
	error_violate(&error, "streams[1].rates", "unknown");
	error_rename(&error, "streams", "rate");
	error_rename_within(&error, "streams[0].rate", "rate");
	error_rename_within(&error, "streams[1].rate", "rate");
	CHECK_INT(error.violation_count, ==, 3);
	CHECK_STR(error.violations[0].field, "rate");
	CHECK_STR(error.violations[1].field, "rate.pps");
	CHECK_STR(error.violations[2].field, "streams[1].rates");
	CHECK_STR(error_message(&error), "rate: 5 pps are more than 3 (and 2 more)");
}

TEST_MAIN(CASE(error_lists_all_violations_and_says_how_many_more), CASE(error_bounds_what_it_lists),
	  CASE(error_takes_over_only_what_is_new), CASE(error_names_fields_as_the_caller_sees_them),
	  CASE(error_set_may_quote_the_message_it_replaces),
	  CASE(error_set_replaces_the_reason_too),
	  CASE(error_renames_a_field_and_lists_an_equal_fault_once))
