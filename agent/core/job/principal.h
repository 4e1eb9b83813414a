/*
 * principal: who owns a job, as text of a kind and a name: "token:ci", "cert:lab3", "uid:1000",
 * "local".
 *
 * The kind ends at the first colon and comes from a closed list (api/auth), so a name of one kind
 * is never one of another. Jobs that were stored before principals had kinds belong to
 * "legacy:NAME" (of a user to "uid:1000" as ever): no caller is that, so only an admin deletes or
 * changes them. Their request_ids still count for the callers of the same name: a retry must not
 * send twice. Thread: any; no state.
 */
#pragma once
#include "pagecast/agent.h"

#include <stdbool.h>

enum { PRINCIPAL_BYTES = 128 }; /* "legacy:" and the longest name that a caller may have */

/**
 * principal_legacy() - who owned the jobs of @principal before there were kinds
 * @ret_owner: "legacy:ci" of "token:ci" and "cert:ci", "legacy:local" of "local"
 *
 * Return: false: its jobs were never stored without a kind.
 */
bool principal_legacy(const char *principal, char ret_owner[static PRINCIPAL_BYTES]);

/** principal_local_again() - @owner as this agent takes it: where callers need not prove who they
 * are (@open), "legacy:local" is "local", whose jobs were and are anybody's. Return: borrowed from
 * @owner, or static */
const char *principal_local_again(const char *owner, bool open);

/** principal_may_change() - may @caller pause, resume or update the job @id of @owner? Return: 0;
 * PERMISSION_DENIED */
int principal_may_change(const struct agent_caller *caller, const char *owner, const char *id,
			 struct error *ret_error);

/** principal_may_delete() - the same of deleting it: its owner, and an admin */
int principal_may_delete(const struct agent_caller *caller, const char *owner, const char *id,
			 struct error *ret_error);
