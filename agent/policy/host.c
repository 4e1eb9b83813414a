/* host: see host.h. */
#include "policy/host.h"

#include <stdlib.h>
#include <string.h>

int policy_host_read(struct policy_host *ret_host)
{
	struct policy_host host = {0};
	int r = local_address_list(&host.addresses, &host.count);
	if (r)
		return r;
	*ret_host = host;
	return 0;
}

void policy_host_deinit(struct policy_host *host)
{
	free(host->addresses);
	*host = (struct policy_host){0};
}

bool policy_host_owns(const struct policy_host *host, const struct ip_address *address)
{
	for (size_t i = 0; i < host->count; i++) {
		struct ip_address own = ip_of(&host->addresses[i].ip.any);
		if (own.family != AF_UNSPEC && ip_equal(&own, address))
			return true;
	}
	return false;
}

bool policy_host_broadcasts(const struct policy_host *host, const struct ip_address *address)
{
	uint32_t wanted;
	memcpy(&wanted, address->bytes, sizeof wanted);
	wanted = ntohl(wanted);
	for (size_t i = 0; i < host->count; i++) {
		const struct local_address *own = &host->addresses[i];
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
