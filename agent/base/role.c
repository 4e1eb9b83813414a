/* role: see pagecast/role.h. */
#include "pagecast/role.h"

#include <stddef.h>
#include <string.h>

static const char *const NAMES[] = {
	[AGENT_ROLE_NONE] = "none",
	[AGENT_ROLE_VIEWER] = "viewer",
	[AGENT_ROLE_OPERATOR] = "operator",
	[AGENT_ROLE_ADMIN] = "admin",
};

const char *agent_role_name(enum agent_role role)
{
	return role < sizeof NAMES / sizeof *NAMES ? NAMES[role] : NAMES[AGENT_ROLE_NONE];
}

enum agent_role agent_role_parse(const char *text)
{
	for (size_t i = AGENT_ROLE_VIEWER; i < sizeof NAMES / sizeof *NAMES; i++)
		if (strcmp(text, NAMES[i]) == 0)
			return (enum agent_role)i;
	return AGENT_ROLE_NONE;
}
