/* engine_words: what a flow met, as sentences for people; see flow_tell_*() in engine.h. */
#include "engine/engine_private.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

void flow_report_refused(const struct flow *flow, int error, uint64_t packets, const char *field,
			 struct problem_set *problems)
{
	const char *to = flow->stream->destination.text;
	bool frames = flow->stream->destination.kind == PLAN_ETHERNET;
	enum problem_code code = PROBLEM_KERNEL_ERROR;
	switch (error) {
	case EMSGSIZE:
		if (frames) {
			problem_add(problems, PROBLEM_MESSAGE_TOO_LONG, PROBLEM_ERROR, field, error,
				    packets, "frames are longer than %s takes (%u bytes)", to,
				    flow->limits.segment_bytes_max);
			return;
		}
		problem_add(problems, PROBLEM_MESSAGE_TOO_LONG, PROBLEM_ERROR, field, error,
			    packets,
			    "packets are longer than the path to %s takes in one piece (%u bytes "
			    "of payload)",
			    to, flow_path_mtu_payload(flow));
		return;
	case ENETUNREACH:
	case EHOSTUNREACH:
		problem_add(problems, PROBLEM_NO_ROUTE, PROBLEM_ERROR, field, error, packets,
			    "there is no route to %s any more", to);
		return;
	case EPERM:
		problem_add(problems, PROBLEM_PERMISSION, PROBLEM_ERROR, field, error, packets,
			    "a packet filter of this host refuses packets to %s", to);
		return;
	case ENETDOWN:
		problem_add(problems, PROBLEM_INTERFACE_DOWN, PROBLEM_ERROR, field, error, packets,
			    frames ? "interface %s went down"
				   : "the interface towards %s went down",
			    to);
		return;
	case ENODEV:
	case ENXIO:
		problem_add(problems, PROBLEM_INTERFACE_GONE, PROBLEM_ERROR, field, error, packets,
			    frames ? "interface %s is gone" : "the interface towards %s is gone",
			    to);
		return;
	case EAGAIN:
	case ENOBUFS:
	case ENOMEM: code = PROBLEM_NO_ROOM; break;
	default: break;
	}
	problem_add(problems, code, PROBLEM_ERROR, field, error, packets,
		    "the kernel refused packets to %s: %s", to, strerror(error));
}

static void tell_neighbour(const struct flow *flow, uint64_t count, const char *field,
			   struct problem_set *problems)
{
	const struct plan_destination *to = &flow->stream->destination;
	const char *hop = flow->next_hop[0] ? flow->next_hop : to->text;
	problem_put(problems, PROBLEM_NO_NEIGHBOUR, PROBLEM_WARNING, field, EHOSTUNREACH, count,
		    to->family == AF_INET6
			    ? "no neighbour advertisement from %s: the kernel threw packets away"
			    : "no ARP answer from %s: the kernel threw packets away",
		    hop);
}

void flow_report_async_errors(const struct flow *flow, const struct flow_async_errors *total,
			      const char *field, struct problem_set *problems)
{
	const struct plan_destination *to = &flow->stream->destination;
	if (total->refused)
		problem_put(problems, PROBLEM_PORT_UNREACHABLE, PROBLEM_WARNING, field,
			    ECONNREFUSED, total->refused,
			    "nothing listens on %s (%" PRIu64 " refusal%s)", to->text,
			    total->refused, total->refused == 1 ? "" : "s");
	if (total->no_neighbour)
		tell_neighbour(flow, total->no_neighbour, field, problems);
	if (total->unreachable)
		problem_put(problems, PROBLEM_NO_ROUTE, PROBLEM_WARNING, field, EHOSTUNREACH,
			    total->unreachable,
			    "the network says that %s cannot be reached (%" PRIu64 " times)",
			    to->text, total->unreachable);
	if (total->too_long)
		problem_put(problems, PROBLEM_MESSAGE_TOO_LONG, PROBLEM_WARNING, field, EMSGSIZE,
			    total->too_long,
			    "the path to %s takes shorter packets than were sent (%" PRIu64
			    " times); it takes %u bytes of payload now",
			    to->text, total->too_long, flow_path_mtu_payload(flow));
	if (total->other)
		problem_put(problems, PROBLEM_KERNEL_ERROR, PROBLEM_WARNING, field,
			    total->last_error, total->other,
			    "the network complained about packets to %s: %s", to->text,
			    strerror(total->last_error));
}
