/* local_address: see local_address.h. */
#include "net/local_address.h"

#include <linux/if_addr.h>
#include <stdlib.h>

#include "net/netlink.h"

bool local_address_of_message(const struct nlmsghdr *message, struct local_address *ret_address)
{
	const struct ifaddrmsg *info = netlink_fixed(message, sizeof *info);
	if ((message->nlmsg_type != RTM_NEWADDR && message->nlmsg_type != RTM_DELADDR) || !info)
		return false;
	struct netlink_attribute attributes[IFA_BROADCAST + 1];
	netlink_attributes(message, sizeof *info, attributes, IFA_BROADCAST);
	/* On a point-to-point link IFA_ADDRESS is the peer's; IFA_LOCAL, if present, is the
	 * local one. */
	struct netlink_attribute own =
		attributes[IFA_LOCAL].data ? attributes[IFA_LOCAL] : attributes[IFA_ADDRESS];
	struct local_address address = {.ifindex = info->ifa_index,
					.prefix_bits = info->ifa_prefixlen};
	if (!own.data || !net_ip_set(&address.ip, info->ifa_family, own.data, own.len))
		return false;
	net_ip_scope(&address.ip, info->ifa_index);
	if (info->ifa_family == AF_INET && attributes[IFA_BROADCAST].data)
		net_ip_set(&address.broadcast, AF_INET, attributes[IFA_BROADCAST].data,
			   attributes[IFA_BROADCAST].len);
	*ret_address = address;
	return true;
}

static int add_address(const struct nlmsghdr *message, void *context)
{
	struct local_address address;
	return local_address_of_message(message, &address)
		       ? netlink_list_add(context, &address, sizeof address)
		       : 0;
}

int local_address_list(struct local_address **ret_addresses, size_t *ret_count)
{
	struct netlink_request request;
	struct netlink_list list = {0};
	netlink_begin(&request, RTM_GETADDR, NLM_F_DUMP, sizeof(struct ifaddrmsg));
	int error = netlink_ask(&request, add_address, netlink_list_restart, &list);
	if (error) {
		free(list.elements);
		return error;
	}
	*ret_addresses = list.elements;
	*ret_count = list.count;
	return 0;
}
