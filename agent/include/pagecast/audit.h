/*
 * audit: one line of the log for each request that would change something, whatever came of it,
 * and for each whose caller was not authenticated.
 *
 * Who asked, from where, for what, where to and how much, the verdict and the rule of the policy
 * that refused it. Lines are written at every log level. Those of
 * nobody in particular (no token, a wrong one) are bounded: AUDIT_ANONYMOUS_A_SECOND lines,
 * the next one counts what was left out, so that strangers cannot fill the disk. Nothing secret is
 * ever handed to it: tokens are named by their accessor. Thread: any.
 */
#pragma once
#include "pagecast/error.h"

#include <stddef.h>

enum {
	AUDIT_ANONYMOUS_A_SECOND = 10,
	AUDIT_PAIRS_MAX = 14, /* of what a request is about */
};

struct audit_pair {
	const char *key, *value; /* the key is static */
};

struct audit_entry {
	const char *principal; /* who; NULL: not authenticated */
	const char *accessor;  /* of the token that proved it, or that has expired; NULL: none */
	const char *claimed;   /* the accessor in a token that is unknown; NULL: none */
	const char *peer;      /* from where: "198.18.0.2:40312", "unix" */
	const char *action;    /* an RPC's name, "SubmitJob", or the verb and the path */
	const char *id;	       /* of the job it is about; NULL: none, or all */
	enum error_code verdict;
	const char *rule;   /* of the policy, that refused it: "allowedNetworks"; NULL: none */
	const char *reason; /* of a refusal, in words; NULL: none */
	const struct audit_pair *pairs; /* [pair_count], at most AUDIT_PAIRS_MAX: its substance */
	size_t pair_count;
};

void audit_write(const struct audit_entry *entry);
