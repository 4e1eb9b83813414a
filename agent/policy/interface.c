/* interface: see interface.h. */
#include "policy/interface.h"

#include "net/link.h"
#include "net/route.h"

#include <stdio.h>
#include <string.h>

/* The interface a stream leaves by: the one it names, or that of its route. Return: 0; -errno */
static int leaving_interface(const struct plan_destination *destination,
			     char ret_name[static IF_NAMESIZE])
{
	if (destination->interface[0]) {
		memcpy(ret_name, destination->interface, IF_NAMESIZE);
		return 0;
	}
	struct route route;
	struct link link;
	int r = route_get(&destination->to.any,
			  destination->from.any.sa_family == AF_UNSPEC ? NULL
								       : &destination->from.any,
			  "", &route);
	if (!r)
		r = link_by_index(route.ifindex, &link);
	if (!r)
		memcpy(ret_name, link.name, IF_NAMESIZE);
	return r;
}

void interface_judge(struct verdict *verdict, const struct plan_destination *destination)
{
	const Pagecast__V1__Policy *message = verdict->policy->message;
	char name[IF_NAMESIZE], rule[VERDICT_RULE_BYTES];
	if (!message->n_allowed_interfaces)
		return;
	verdict_list(rule, message->allowed_interfaces, message->n_allowed_interfaces);
	int r = leaving_interface(destination, name);
	if (r)
		verdict_forbid(verdict, ".interface", "allowedInterfaces",
			       "must be named: the route to %s is unknown (%s), and the policy "
			       "restricts interfaces (allowedInterfaces: %s)",
			       destination->text, strerror(-r), rule);
	else if (!policy_allows_interface(verdict->policy, name))
		verdict_forbid(verdict, ".interface", "allowedInterfaces",
			       "%s %s, which is not in the policy's allowedInterfaces (%s)",
			       destination->interface[0] ? "is" : "the route leaves by", name,
			       rule);
}

int policy_pin(const struct policy *policy, struct plan *plan, struct error *ret_error)
{
	if (!policy->message->n_allowed_interfaces)
		return 0;
	for (size_t i = 0; i < plan->stream_count; i++) {
		struct plan_destination *destination = &plan->streams[i].destination;
		char name[IF_NAMESIZE];
		int r = leaving_interface(destination, name);
		if (r || !policy_allows_interface(policy, name)) {
			char field[64];
			snprintf(field, sizeof field, "streams[%zu].%s.interface", i,
				 plan_kind_field(destination->kind));
			error_violate(ret_error, field,
				      "the route to %s no longer leaves by one of the policy's "
				      "allowedInterfaces",
				      destination->text);
			ret_error->code = ERROR_CODE_PERMISSION_DENIED;
			return ERROR_CODE_PERMISSION_DENIED;
		}
		memcpy(destination->interface, name, IF_NAMESIZE);
	}
	return 0;
}
