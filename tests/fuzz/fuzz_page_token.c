/* Page tokens from outside: only what was made here, for this query, is taken. */
#include <string.h>

#include "core/calls/page_token.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	char id[JOB_ID_LEN + 1], again[PAGE_TOKEN_LEN + 2];
	char *token = malloc(size + 1);
	FUZZ_CHECK(token);
	memcpy(token, data, size);
	token[size] = '\0';
	token[strcspn(token, "\n")] = '\0'; /* the seeds are lines */
	int r = page_token_read(token, 7, id, &error);
	FUZZ_CHECK(r == 0 || r == ERROR_CODE_INVALID_ARGUMENT);
	if (!r) {
		FUZZ_CHECK(strlen(id) == JOB_ID_LEN);
		page_token_make(id, 7, again);
		FUZZ_CHECK(strcmp(token, again) == 0);
		FUZZ_CHECK(page_token_read(token, 8, id, &error) != 0);
	}
	free(token);
	return 0;
}
