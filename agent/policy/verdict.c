/* verdict: see verdict.h. */
#include "policy/verdict.h"

#include "base/util.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void verdict_forbid(struct verdict *verdict, const char *member, const char *rule,
		    const char *format, ...)
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
	if (!verdict->error->rule)
		verdict->error->rule = rule;
	error_violate(verdict->error, path, "%s", description);
}

const char *verdict_list(char text[static VERDICT_RULE_BYTES], char *const *entries, size_t count)
{
	size_t len = 0;
	snprintf(text, VERDICT_RULE_BYTES, "it is empty");
	for (size_t i = 0; i < count; i++) {
		bool fits = len + strlen(entries[i]) + 8 < VERDICT_RULE_BYTES;
		len += (size_t)snprintf(text + len, VERDICT_RULE_BYTES - len, "%s%s", i ? ", " : "",
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

static bool is_limited_broadcast(const struct ip_address *address)
{
	static const uint8_t ONES[4] = {0xff, 0xff, 0xff, 0xff};
	return memcmp(address->bytes, ONES, sizeof ONES) == 0;
}

static void forbid_network(struct verdict *verdict, const char *member,
			   const struct ip_address *address, const char *spelled)
{
	const Pagecast__V1__Policy *message = verdict->policy->message;
	char text[INET6_ADDRSTRLEN], rule[VERDICT_RULE_BYTES];
	ip_text(address, text);
	verdict_forbid(verdict, member, "allowedNetworks",
		       "%s%s is not in the policy's allowedNetworks (%s)", text, spelled,
		       verdict_list(rule, message->allowed_networks, message->n_allowed_networks));
}

/* Return: true when @address is of a kind that needs no network of the list, or was forbidden. */
static bool judge_kind(struct verdict *verdict, const char *member,
		       const struct ip_address *address)
{
	const struct policy *policy = verdict->policy;
	char text[INET6_ADDRSTRLEN];
	ip_text(address, text);
	if (ip_is_unspecified(address)) {
		verdict_forbid(verdict, member, NULL, "%s cannot be a destination address", text);
		return true;
	}
	if (ip_is_multicast(address)) {
		if (!policy->message->allow_multicast) {
			verdict_forbid(verdict, member, "allowMulticast",
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
	if ((limited || policy_host_broadcasts(verdict->host, address)) &&
	    !policy->message->allow_broadcast) {
		verdict_forbid(verdict, member, "allowBroadcast",
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

void verdict_target(struct verdict *verdict, const char *member, const struct ip_address *address)
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
		snprintf(spelled, sizeof spelled, ", embedded in %s,", outer);
		if (!judge_kind(verdict, member, &embedded[i]) &&
		    !in_allowed_networks(verdict->policy, &embedded[i]))
			forbid_network(verdict, member, &embedded[i], spelled);
	}
}

void verdict_source(struct verdict *verdict, const char *member, const struct ip_address *address)
{
	const Pagecast__V1__Policy *message = verdict->policy->message;
	if (policy_host_owns(verdict->host, address) ||
	    in_networks(verdict->policy->sources, message->n_allowed_sources, address))
		return;
	char text[INET6_ADDRSTRLEN], rule[VERDICT_RULE_BYTES];
	ip_text(address, text);
	verdict_forbid(verdict, member, "allowedSources",
		       "%s is neither an address of this host nor in the policy's "
		       "allowedSources (%s)",
		       text,
		       verdict_list(rule, message->allowed_sources, message->n_allowed_sources));
}

void verdict_port(struct verdict *verdict, const char *member, uint16_t port)
{
	const Pagecast__V1__Policy *message = verdict->policy->message;
	for (size_t i = 0; i < message->n_allowed_ports; i++)
		if (port >= message->allowed_ports[i]->first &&
		    port <= message->allowed_ports[i]->last)
			return;
	if (message->n_allowed_ports)
		verdict_forbid(verdict, member, "allowedPorts",
			       "%u is not in the policy's allowedPorts (%u to %u%s)", port,
			       message->allowed_ports[0]->first, message->allowed_ports[0]->last,
			       message->n_allowed_ports > 1 ? ", …" : "");
}
