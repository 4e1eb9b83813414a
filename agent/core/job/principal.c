/* principal: see principal.h. */
#include "core/job/principal.h"

#include <stdio.h>
#include <string.h>

static const char LEGACY[] = "legacy:";
static const char LEGACY_LOCAL[] = "legacy:local";
static const char LOCAL[] = "local";

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

bool principal_legacy(const char *principal, char ret_owner[static PRINCIPAL_BYTES])
{
	const char *name = NULL;
	if (strcmp(principal, LOCAL) == 0)
		name = principal;
	else if (starts_with(principal, "token:") || starts_with(principal, "cert:"))
		name = strchr(principal, ':') + 1;
	if (!name || strlen(name) >= PRINCIPAL_BYTES - strlen(LEGACY))
		return false;
	snprintf(ret_owner, PRINCIPAL_BYTES, "%s%s", LEGACY, name);
	return true;
}

const char *principal_local_again(const char *owner, bool open)
{
	return open && strcmp(owner, LEGACY_LOCAL) == 0 ? LOCAL : owner;
}

int principal_may_change(const struct agent_caller *caller, const char *owner, const char *id,
			 struct error *ret_error)
{
	if (caller->role >= AGENT_ROLE_ADMIN || !starts_with(owner, LEGACY))
		return 0;
	return error_set(ret_error, ERROR_CODE_PERMISSION_DENIED,
			 "job %s belongs to %s, stored by a version that did not record whether "
			 "an owner is a user, a token or a certificate; changing it needs the role "
			 "admin (cancelling it does not)",
			 id, owner);
}

int principal_may_delete(const struct agent_caller *caller, const char *owner, const char *id,
			 struct error *ret_error)
{
	if (caller->role >= AGENT_ROLE_ADMIN || strcmp(owner, caller->principal) == 0)
		return 0;
	return error_set(ret_error, ERROR_CODE_PERMISSION_DENIED,
			 "job %s belongs to %s; deleting others' jobs needs the role admin", id,
			 owner);
}
