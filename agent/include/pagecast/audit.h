/*
 * audit: one line of the log for each request that would change something, whatever came of it,
 * and for each whose caller was not authenticated.
 *
 * Who asked, from where, for what, and the verdict. Lines are written at every log level. Those of
 * callers without a valid token are bounded: AUDIT_ANONYMOUS_A_SECOND lines, the next one counts
 * what was left out, so that strangers cannot fill the disk. Secrets never reach it: tokens are
 * named by their accessor. Thread: any.
 */
#pragma once
#include "pagecast/error.h"

enum { AUDIT_ANONYMOUS_A_SECOND = 10 };

struct audit_entry {
	const char *principal; /* who; NULL: not authenticated */
	const char *accessor;  /* of the token that proved it; NULL: it took none */
	const char *peer;      /* from where: "198.18.0.2:40312", "unix" */
	const char *action;    /* an RPC's name, "SubmitJob", or the verb and the path */
	const char *id;	       /* of the job it is about; NULL: none, or all */
	enum error_code verdict;
	const char *reason; /* of a refusal, with the rule; NULL: none */
};

void audit_write(const struct audit_entry *entry);
