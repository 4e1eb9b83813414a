/*
 * verdict: the judgement of one plan while it is being reached: the violations found so far, and
 * the rules for a single address or port.
 *
 * An address may be sent to if it is in an allowed network, if it is not a multicast or broadcast
 * address (unless those are allowed), and if the same holds for every IPv4 address that a tunnel or
 * translator would derive from it. Broadcast is what the host's own interfaces would send as such:
 * addresses with a host part of all ones or all zeros. Each violation names the field and the rule.
 * Thread: any; a verdict lives on the stack of policy_check().
 */
#pragma once
#include "pagecast/error.h"
#include "policy/host.h"
#include "policy/network.h"
#include "policy/policy.h"

enum { VERDICT_FIELD_BYTES = 64, VERDICT_RULE_BYTES = 200 };

struct verdict {
	const struct policy *policy;
	const struct policy_host *host;
	struct error *error;		 /* receives the violations */
	char field[VERDICT_FIELD_BYTES]; /* of the stream: "streams[3].udp" */
	bool no_memory;			 /* to look at payloads with */
};

/**
 * verdict_forbid() - add one violation
 * @member: appended to verdict->field where it is empty or begins with '.' or '['; otherwise it is
 *          a field of the job itself ("engine")
 * @rule:   the field of the policy that forbids it, static; NULL: none does, it never makes sense
 */
void verdict_forbid(struct verdict *verdict, const char *member, const char *rule,
		    const char *format, ...) __attribute__((format(printf, 4, 5)));

/** verdict_list() - the first entries of a list, for a message: "127.0.0.0/8, 10.0.0.0/8, …".
 * Return: @text */
const char *verdict_list(char text[static VERDICT_RULE_BYTES], char *const *entries, size_t count);

/** verdict_target() - may packets be sent to @address? Adds a violation at @member if not */
void verdict_target(struct verdict *verdict, const char *member, const struct ip_address *address);

/** verdict_source() - may packets be sent in the name of @address? */
void verdict_source(struct verdict *verdict, const char *member, const struct ip_address *address);

/** verdict_port() - may packets be sent to @port? */
void verdict_port(struct verdict *verdict, const char *member, uint16_t port);
