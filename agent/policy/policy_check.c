/*
 * policy_check: is a plan allowed? See policy.h.
 *
 * An address may be sent to when it is in an allowed network, is no multicast or broadcast address
 * unless those are allowed, and when the same holds for every IPv4 address that a tunnel or
 * translator would make of it. Broadcast is what the host's own interfaces would send as such:
 * addresses with a host part of all ones or all zeros. Each refusal names the field and the rule.
 */
#include "policy/policy_private.h"

#include "base/util.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

enum { RULE_TEXT_BYTES = 200 };

void policy_forbid(struct policy_verdict *verdict, const char *member, const char *format, ...)
{
	char path[160], description[400];
	bool of_stream = !*member || *member == '.' || *member == '[';
	snprintf(path, sizeof path, "%s%s", of_stream ? verdict->field : "", member);
	va_list args;
	va_start(args, format);
	vsnprintf(description, sizeof description, format, args);
	va_end(args);
	if (!verdict->error->code)
		verdict->error->code = ERROR_CODE_PERMISSION_DENIED;
	error_violate(verdict->error, path, "%s", description);
}

/* The first entries of a list, for a sentence: "127.0.0.0/8, 10.0.0.0/8, …" */
static const char *list_text(char text[static RULE_TEXT_BYTES], char *const *entries, size_t count)
{
	size_t len = 0;
	snprintf(text, RULE_TEXT_BYTES, "it has none");
	for (size_t i = 0; i < count; i++) {
		bool fits = len + strlen(entries[i]) + 8 < RULE_TEXT_BYTES;
		len += (size_t)snprintf(text + len, RULE_TEXT_BYTES - len, "%s%s", i ? ", " : "",
					fits ? entries[i] : "…");
		if (!fits)
			break;
	}
	return text;
}

static bool in_networks(const struct network *networks, size_t count,
			const struct ip_address *address)
{
	for (size_t i = 0; i < count; i++)
		if (network_has(&networks[i], address))
			return true;
	return false;
}

static bool in_allowed_networks(const struct policy *policy, const struct ip_address *address)
{
	return in_networks(policy->networks, policy->message->n_allowed_networks, address);
}

/* Is @address what one of the host's networks takes for everybody? */
static bool is_subnet_broadcast(const struct policy_host *host, const struct ip_address *address)
{
	uint32_t wanted;
	memcpy(&wanted, address->bytes, sizeof wanted);
	wanted = ntohl(wanted);
	for (size_t i = 0; i < host->count; i++) {
		const struct net_address *own = &host->addresses[i];
		if (own->ip.any.sa_family != AF_INET)
			continue;
		if (own->broadcast.any.sa_family == AF_INET &&
		    ntohl(own->broadcast.v4.sin_addr.s_addr) == wanted)
			return true;
		if (own->prefix_bits > 30) /* a point-to-point link has no broadcast address */
			continue;
		uint32_t host_mask = own->prefix_bits ? UINT32_MAX >> own->prefix_bits : UINT32_MAX;
		uint32_t network = ntohl(own->ip.v4.sin_addr.s_addr) & ~host_mask;
		if (wanted == network || wanted == (network | host_mask))
			return true;
	}
	return false;
}

static bool is_limited_broadcast(const struct ip_address *address)
{
	static const uint8_t ONES[4] = {0xff, 0xff, 0xff, 0xff};
	return memcmp(address->bytes, ONES, sizeof ONES) == 0;
}

static bool is_own(const struct policy_host *host, const struct ip_address *address)
{
	for (size_t i = 0; i < host->count; i++) {
		struct ip_address own = ip_of(&host->addresses[i].ip.any);
		if (own.family != AF_UNSPEC && ip_equal(&own, address))
			return true;
	}
	return false;
}

static void forbid_network(struct policy_verdict *verdict, const char *member,
			   const struct ip_address *address, const char *spelled)
{
	const Pagecast__V1__Policy *message = verdict->policy->message;
	char text[INET6_ADDRSTRLEN], rule[RULE_TEXT_BYTES];
	ip_text(address, text);
	policy_forbid(verdict, member, "%s%s is in none of the policy's allowedNetworks (%s)", text,
		      spelled,
		      list_text(rule, message->allowed_networks, message->n_allowed_networks));
}

/* Return: true when @address is of a kind that needs no network of the list, or was forbidden. */
static bool judge_kind(struct policy_verdict *verdict, const char *member,
		       const struct ip_address *address)
{
	const struct policy *policy = verdict->policy;
	char text[INET6_ADDRSTRLEN];
	ip_text(address, text);
	if (ip_is_unspecified(address)) {
		policy_forbid(verdict, member, "%s is no address of a receiver", text);
		return true;
	}
	if (ip_is_multicast(address)) {
		if (!policy->message->allow_multicast) {
			policy_forbid(verdict, member,
				      "%s is multicast, which the policy forbids "
				      "(allowMulticast)",
				      text);
			return true;
		}
		return !policy->names_multicast; /* where it names groups, only those */
	}
	if (address->family != AF_INET)
		return false;
	bool limited = is_limited_broadcast(address);
	if ((limited || is_subnet_broadcast(verdict->host, address)) &&
	    !policy->message->allow_broadcast) {
		policy_forbid(verdict, member,
			      "%s is a broadcast address, which the policy forbids "
			      "(allowBroadcast)",
			      text);
		return true;
	}
	return limited;
}

static bool in_own_nat64_network(const struct policy *policy, const struct ip_address *address)
{
	for (size_t i = 0; i < policy->message->n_allowed_networks; i++)
		if (policy->networks[i].prefix_bits >= 48 &&
		    network_has(&policy->networks[i], address))
			return true;
	return false;
}

void policy_judge_target(struct policy_verdict *verdict, const char *member,
			 const struct ip_address *address)
{
	if (judge_kind(verdict, member, address))
		return;
	if (!in_allowed_networks(verdict->policy, address) ||
	    (ip_is_local_nat64(address) && !in_own_nat64_network(verdict->policy, address))) {
		forbid_network(verdict, member, address, "");
		return;
	}
	struct ip_address embedded[IP_EMBEDDED_MAX];
	size_t count = ip_embedded(address, embedded);
	for (size_t i = 0; i < count; i++) {
		char spelled[INET6_ADDRSTRLEN + 32], outer[INET6_ADDRSTRLEN];
		ip_text(address, outer);
		snprintf(spelled, sizeof spelled, ", where %s leads,", outer);
		if (!judge_kind(verdict, member, &embedded[i]) &&
		    !in_allowed_networks(verdict->policy, &embedded[i]))
			forbid_network(verdict, member, &embedded[i], spelled);
	}
}

void policy_judge_source(struct policy_verdict *verdict, const char *member,
			 const struct ip_address *address)
{
	const Pagecast__V1__Policy *message = verdict->policy->message;
	if (is_own(verdict->host, address) ||
	    in_networks(verdict->policy->sources, message->n_allowed_sources, address))
		return;
	char text[INET6_ADDRSTRLEN], rule[RULE_TEXT_BYTES];
	ip_text(address, text);
	policy_forbid(verdict, member,
		      "%s is neither an address of this host nor in the policy's "
		      "allowedSources (%s)",
		      text, list_text(rule, message->allowed_sources, message->n_allowed_sources));
}

void policy_judge_port(struct policy_verdict *verdict, const char *member, uint16_t port)
{
	const Pagecast__V1__Policy *message = verdict->policy->message;
	for (size_t i = 0; i < message->n_allowed_ports; i++)
		if (port >= message->allowed_ports[i]->first &&
		    port <= message->allowed_ports[i]->last)
			return;
	if (message->n_allowed_ports)
		policy_forbid(verdict, member,
			      "%u is in none of the policy's allowedPorts (%u to %u%s)", port,
			      message->allowed_ports[0]->first, message->allowed_ports[0]->last,
			      message->n_allowed_ports > 1 ? ", …" : "");
}

/* The interface a stream leaves by: the one it names, or that of its route. Return: 0; -errno */
static int leaving_interface(const struct plan_destination *destination,
			     char ret_name[static IF_NAMESIZE])
{
	if (destination->interface[0]) {
		memcpy(ret_name, destination->interface, IF_NAMESIZE);
		return 0;
	}
	struct net_route route;
	struct net_link link;
	int r = net_route_get(&destination->to.any,
			      destination->from.any.sa_family == AF_UNSPEC ? NULL
									   : &destination->from.any,
			      "", &route);
	if (!r)
		r = net_link_by_index(route.ifindex, &link);
	if (!r)
		memcpy(ret_name, link.name, IF_NAMESIZE);
	return r;
}

static void judge_interface(struct policy_verdict *verdict,
			    const struct plan_destination *destination)
{
	const Pagecast__V1__Policy *message = verdict->policy->message;
	char name[IF_NAMESIZE], rule[RULE_TEXT_BYTES];
	if (!message->n_allowed_interfaces)
		return;
	list_text(rule, message->allowed_interfaces, message->n_allowed_interfaces);
	int r = leaving_interface(destination, name);
	if (r)
		policy_forbid(verdict, ".interface",
			      "must be named: the way to %s is unknown (%s), and the policy has "
			      "allowedInterfaces (%s)",
			      destination->text, strerror(-r), rule);
	else if (!policy_allows_interface(verdict->policy, name))
		policy_forbid(verdict, ".interface",
			      "%s %s, which is none of the policy's allowedInterfaces (%s)",
			      destination->interface[0] ? "is" : "the route leaves by", name, rule);
}

static void judge_ip_destination(struct policy_verdict *verdict,
				 const struct plan_destination *destination)
{
	struct ip_address to = ip_of(&destination->to.any);
	policy_judge_target(verdict, ".address", &to);
	if (destination->from.any.sa_family != AF_UNSPEC) {
		struct ip_address from = ip_of(&destination->from.any);
		if (!ip_is_zero(&from))
			policy_judge_source(verdict, ".sourceAddress", &from);
	}
	if (destination->broadcast && !verdict->policy->message->allow_broadcast)
		policy_forbid(verdict, ".broadcast", "the policy forbids it (allowBroadcast)");
}

static void judge_stream(struct policy_verdict *verdict, const struct plan_stream *stream)
{
	const struct plan_destination *destination = &stream->destination;
	const Pagecast__V1__Policy *message = verdict->policy->message;
	switch (destination->kind) {
	case PLAN_UDP:
		judge_ip_destination(verdict, destination);
		policy_judge_port(verdict, ".port", ntohs(destination->to.v4.sin_port));
		break;
	case PLAN_RAW_IP:
		judge_ip_destination(verdict, destination);
		if (destination->header_included && !message->allow_header_included)
			policy_forbid(verdict, ".headerIncluded",
				      "the policy forbids it (allowHeaderIncluded)");
		else if (policy_is_carrier(destination->protocol) &&
			 !message->allow_header_included)
			policy_forbid(verdict, ".protocol",
				      "%u carries addresses of its own, which the policy forbids "
				      "(allowHeaderIncluded)",
				      destination->protocol);
		break;
	case PLAN_ETHERNET:
		if (!message->allow_ethernet)
			policy_forbid(verdict, "", "the policy forbids it (allowEthernet)");
		break;
	}
	judge_interface(verdict, destination);
	if (stream->items[0].bytes || !stream->len_max)
		policy_judge_payloads(verdict, stream);
}

static void judge_job(struct policy_verdict *verdict, const struct plan *plan)
{
	const Pagecast__V1__Policy *message = verdict->policy->message;
	if (plan->stream_count > message->max_streams)
		policy_forbid(verdict, "streams", "%zu are more than the policy's maxStreams, %u",
			      plan->stream_count, message->max_streams);
	if (plan->bytes > message->max_payload_bytes)
		policy_forbid(verdict, "streams",
			      "%" PRIu64 " bytes of payload are more than the policy's "
			      "maxPayloadBytes, %" PRIu64,
			      plan->bytes, message->max_payload_bytes);
	if (plan->engine && !policy_allows_engine(verdict->policy, plan->engine)) {
		const ProtobufCEnumValue *kind = protobuf_c_enum_descriptor_get_value(
			&pagecast__v1__engine_kind__descriptor, (int)plan->engine);
		policy_forbid(verdict, "engine",
			      "%s is none of the engines that the policy allows (allowedEngines)",
			      kind ? kind->name : "this");
	}
	policy_judge_rates(verdict, plan);
}

static const char *kind_name(enum plan_kind kind)
{
	switch (kind) {
	case PLAN_UDP: return "udp";
	case PLAN_RAW_IP: return "rawIp";
	case PLAN_ETHERNET: return "ethernet";
	}
	return "";
}

int policy_check(const struct policy *policy, const struct policy_host *host,
		 const struct plan *plan, struct error *ret_error)
{
	struct policy_verdict verdict = {.policy = policy, .host = host, .error = ret_error};
	for (size_t i = 0; i < plan->stream_count; i++) {
		snprintf(verdict.field, sizeof verdict.field, "streams[%zu].%s", i,
			 kind_name(plan->streams[i].destination.kind));
		judge_stream(&verdict, &plan->streams[i]);
	}
	judge_job(&verdict, plan);
	return (int)ret_error->code;
}

bool policy_needs_bytes(const struct policy *policy, const struct plan *plan)
{
	for (size_t i = 0; i < plan->stream_count; i++)
		if (policy_carries_headers(policy, &plan->streams[i]))
			return true;
	return false;
}

int policy_pin(const struct policy *policy, struct plan *plan, struct error *ret_error)
{
	if (!policy->message->n_allowed_interfaces)
		return 0;
	for (size_t i = 0; i < plan->stream_count; i++) {
		struct plan_destination *destination = &plan->streams[i].destination;
		char name[IF_NAMESIZE];
		int r = leaving_interface(destination, name);
		if (r || !policy_allows_interface(policy, name))
			return error_set(ret_error, ERROR_CODE_PERMISSION_DENIED,
					 "streams[%zu].%s.interface: the route to %s leaves by "
					 "none of the policy's allowedInterfaces any more",
					 i, kind_name(destination->kind), destination->text);
		memcpy(destination->interface, name, IF_NAMESIZE);
	}
	return 0;
}
