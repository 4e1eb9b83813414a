/* The policy file: refused in words, or a Policy that both codecs carry unchanged. */
#include "api/rest/policy_json.h"
#include "fuzz/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	Pagecast__V1__Policy *policy = NULL;
	int r = policy_json_parse((const char *)data, size, &policy, &error);
	FUZZ_CHECK(r == 0 || r == ERROR_CODE_INVALID_ARGUMENT);
	FUZZ_CHECK((r == 0) == (policy != NULL));
	if (r)
		return 0;
	codec_round_trip(&policy->base);
	protobuf_c_message_free_unpacked(&policy->base, NULL);
	return 0;
}
