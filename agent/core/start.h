/* start: see start.c and pagecast/agent.h. */
#pragma once
#include "core/state/agent_private.h"

/** agent_new_on() - agent_new() with a store of the caller's, which is consumed, also on failure */
int agent_new_on(struct agent **ret_agent, const struct agent_options *options, struct store *store,
		 struct error *ret_error);
