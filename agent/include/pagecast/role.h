/*
 * role: what a caller may do, and how it is written. Thread: any; no state.
 */
#pragma once

/* Each may do what the ones before it may. */
enum agent_role { AGENT_ROLE_NONE, AGENT_ROLE_VIEWER, AGENT_ROLE_OPERATOR, AGENT_ROLE_ADMIN };

/** agent_role_name() - "none", "viewer", "operator", "admin"; static */
const char *agent_role_name(enum agent_role role);

/** agent_role_parse() - Return: AGENT_ROLE_NONE for what is not viewer, operator or admin */
enum agent_role agent_role_parse(const char *text);
