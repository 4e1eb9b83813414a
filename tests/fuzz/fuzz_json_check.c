/*
 * The strict gate over any bytes: what it takes, json-c takes too; what it refuses, it refuses at a
 * place inside the text.
 */
#include <json-c/json.h>
#include <string.h>

#include "api/codec/json_check.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	int r = json_check((const char *)data, size, &error);
	if (r) {
		size_t offset = 0;
		FUZZ_CHECK(r == ERROR_CODE_INVALID_ARGUMENT);
		FUZZ_CHECK(sscanf(error_message(&error), "not valid JSON at offset %zu", &offset) ==
			   1);
		FUZZ_CHECK(offset <= size);
		return 0;
	}
	struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX + 1);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	char *text = malloc(size + 1); /* json-c wants to see the end of a number */
	FUZZ_CHECK(tokener && text);
	memcpy(text, data, size);
	text[size] = '\0';
	json_object_put(json_tokener_parse_ex(tokener, text, (int)size + 1));
	FUZZ_CHECK(json_tokener_get_error(tokener) == json_tokener_success);
	json_tokener_free(tokener);
	free(text);
	return 0;
}
