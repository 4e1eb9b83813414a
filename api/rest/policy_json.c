/* policy_json: see policy_json.h. */
#include "api/rest/policy_json.h"

#include "api/codec/json_read.h"

int policy_json_parse(const char *json, size_t len, Pagecast__V1__Policy **ret_policy,
		      struct error *ret_error)
{
	ProtobufCMessage *message = NULL;
	int r = json_read(&pagecast__v1__policy__descriptor, json, len, NULL, &message, ret_error);
	if (r)
		return r;
	*ret_policy = (Pagecast__V1__Policy *)message;
	return 0;
}
