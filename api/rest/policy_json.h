/* policy_json: the policy file is the Policy message as JSON; agent_options.parse_policy. */
#pragma once
#include "pagecast/agent.h"

int policy_json_parse(const char *json, size_t len, Pagecast__V1__Policy **ret_policy,
		      struct error *ret_error);
