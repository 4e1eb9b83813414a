/* check: see check.h. Each rule for a single address, port or interface is in a module of its own.
 */
#include "policy/check.h"

#include "base/util.h"
#include "policy/demand.h"
#include "policy/headers.h"
#include "policy/interface.h"

#include <inttypes.h>

static void judge_ip_destination(struct verdict *verdict,
				 const struct plan_destination *destination)
{
	struct ip_address to = ip_of(&destination->to.any);
	verdict_target(verdict, ".address", &to);
	if (destination->from.any.sa_family != AF_UNSPEC) {
		struct ip_address from = ip_of(&destination->from.any);
		if (!ip_is_zero(&from))
			verdict_source(verdict, ".sourceAddress", &from);
	}
	if (destination->broadcast && !verdict->policy->message->allow_broadcast)
		verdict_forbid(verdict, ".broadcast", "allowBroadcast",
			       "the policy forbids it (allowBroadcast)");
}

static void judge_stream(struct verdict *verdict, const struct plan_stream *stream)
{
	const struct plan_destination *destination = &stream->destination;
	const Pagecast__V1__Policy *message = verdict->policy->message;
	switch (destination->kind) {
	case PLAN_UDP:
		judge_ip_destination(verdict, destination);
		verdict_port(verdict, ".port", ntohs(destination->to.v4.sin_port));
		break;
	case PLAN_RAW_IP:
		judge_ip_destination(verdict, destination);
		if (destination->header_included && !message->allow_header_included)
			verdict_forbid(verdict, ".headerIncluded", "allowHeaderIncluded",
				       "the policy forbids it (allowHeaderIncluded)");
		else if (headers_carrier(destination->protocol) && !message->allow_header_included)
			verdict_forbid(verdict, ".protocol", "allowHeaderIncluded",
				       "%u carries addresses of its own, which the policy forbids "
				       "(allowHeaderIncluded)",
				       destination->protocol);
		break;
	case PLAN_ETHERNET:
		if (!message->allow_ethernet)
			verdict_forbid(verdict, "", "allowEthernet",
				       "the policy forbids it (allowEthernet)");
		break;
	}
	interface_judge(verdict, destination);
	headers_judge(verdict, stream);
}

static void judge_job(struct verdict *verdict, const struct plan *plan)
{
	const Pagecast__V1__Policy *message = verdict->policy->message;
	if (plan->stream_count > message->max_streams)
		verdict_forbid(verdict, "streams", "maxStreams",
			       "%zu streams, more than the policy's maxStreams of %u",
			       plan->stream_count, message->max_streams);
	if (plan->bytes > message->max_payload_bytes)
		verdict_forbid(
			verdict, "streams", "maxPayloadBytes",
			"%" PRIu64
			" bytes of payload, more than the policy's maxPayloadBytes of %" PRIu64,
			plan->bytes, message->max_payload_bytes);
	if (plan->engine && !policy_allows_engine(verdict->policy, plan->engine)) {
		const ProtobufCEnumValue *kind = protobuf_c_enum_descriptor_get_value(
			&pagecast__v1__engine_kind__descriptor, (int)plan->engine);
		verdict_forbid(verdict, "engine", "allowedEngines",
			       "%s is not in the policy's allowedEngines",
			       kind ? kind->name : "this");
	}
	demand_judge(verdict, plan);
}

int policy_check(const struct policy *policy, const struct policy_host *host,
		 const struct plan *plan, struct error *ret_error)
{
	struct verdict verdict = {.policy = policy, .host = host, .error = ret_error};
	for (size_t i = 0; i < plan->stream_count; i++) {
		snprintf(verdict.field, sizeof verdict.field, "streams[%zu].%s", i,
			 plan_kind_field(plan->streams[i].destination.kind));
		judge_stream(&verdict, &plan->streams[i]);
	}
	judge_job(&verdict, plan);
	if (verdict.no_memory)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	return (int)ret_error->code;
}
