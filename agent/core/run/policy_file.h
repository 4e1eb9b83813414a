/*
 * policy_file: reads the policy file; without one, the built-in policy applies.
 *
 * The file's codec is lent by the caller of agent_new() (agent_options.parse_policy).
 */
#pragma once
#include "core/state/agent_private.h"

/** policy_file_load() - Return: 0 with *ret_policy, a reference; an error_code with a message that
 * names the file */
int policy_file_load(const struct agent *agent, struct policy **ret_policy,
		     struct error *ret_error);
