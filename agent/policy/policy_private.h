/* policy_private: what policy_check.c, policy_rate.c and policy_packet.c share. Nothing else
 * includes it. */
#pragma once
#include "policy/policy.h"

struct policy_verdict { /* being reached about one plan */
	const struct policy *policy;
	const struct policy_host *host;
	struct error *error; /* gets the violations */
	char field[64];	     /* of the stream: "streams[3].udp" */
};

/** policy_forbid() - one violation at verdict->field + @member (with its dot or bracket), or at the
 * top where @member names a field of the job */
void policy_forbid(struct policy_verdict *verdict, const char *member, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** policy_judge_target() - may @address be sent to? Forbids at @member if not */
void policy_judge_target(struct policy_verdict *verdict, const char *member,
			 const struct ip_address *address);
/** policy_judge_source() - may packets claim to come from @address? */
void policy_judge_source(struct policy_verdict *verdict, const char *member,
			 const struct ip_address *address);
void policy_judge_port(struct policy_verdict *verdict, const char *member, uint16_t port);

/** policy_judge_rates() - the sum of the plan's rates against the maxima of a job and of all */
void policy_judge_rates(struct policy_verdict *verdict, const struct plan *plan);

/** policy_judge_payloads() - headers inside the payloads of @stream; its bytes are there */
void policy_judge_payloads(struct policy_verdict *verdict, const struct plan_stream *stream);
/** policy_carries_headers() - would policy_judge_payloads() look at anything? */
bool policy_carries_headers(const struct policy *policy, const struct plan_stream *stream);
/** policy_is_carrier() - does @protocol bring an address of its own to the receiver? */
bool policy_is_carrier(uint8_t protocol);
