/* Page tokens fit the query they were made for, whole and unchanged. */
#include "core/calls/page_token.h"
#include "lib/test.h"

static const char ID[] = "01BX5ZZKBKACTAV9WEVGEMMVRZ";

static void refused(const char *token, uint64_t query, const char *with)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	char id[JOB_ID_LEN + 1] = "unchanged";
	CHECK_INT(page_token_read(token, query, id, &error), ==, ERROR_CODE_INVALID_ARGUMENT);
	CHECK_STR(error.violations[0].field, "pageToken");
	CHECK_HAS(error.violations[0].description, with);
	CHECK_STR(id, "unchanged");
}

TEST(page_token_comes_back_as_it_was_given)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	char token[PAGE_TOKEN_LEN + 2], id[JOB_ID_LEN + 1];
	page_token_make(ID, 0x0123456789abcdefULL, token);
	CHECK_INT(page_token_read(token, 0x0123456789abcdefULL, id, &error), ==, 0);
	CHECK_STR(id, ID);
}

TEST(page_token_of_another_query_is_refused)
{
	char token[PAGE_TOKEN_LEN + 2];
	page_token_make(ID, 7, token);
	refused(token, 8, "another query");
}

TEST(page_token_made_up_or_damaged_is_refused)
{
	char token[PAGE_TOKEN_LEN + 2], damaged[PAGE_TOKEN_LEN + 2];
	page_token_make(ID, 7, token);
	refused("", 7, "not a token");
	refused("2", 7, "not a token");
	refused(ID, 7, "not a token");
	for (size_t i = 0; i < strlen(token); i++) {
		strcpy(damaged, token);
		damaged[i] = damaged[i] == '0' ? '1' : '0';
		refused(damaged, 7, "token");
		strcpy(damaged, token);
		damaged[i] = '\0';
		refused(damaged, 7, "not a token");
	}
}

TEST_MAIN(CASE(page_token_comes_back_as_it_was_given), CASE(page_token_of_another_query_is_refused),
	  CASE(page_token_made_up_or_damaged_is_refused))
