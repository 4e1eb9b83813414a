/* net_ip: see net_ip.h. */
#include "net/net_ip.h"

#include <string.h>

bool net_ip_set(union net_ip *ip, int family, const void *data, size_t len)
{
	if (family == AF_INET && len == sizeof ip->v4.sin_addr) {
		*ip = (union net_ip){.v4.sin_family = AF_INET};
		memcpy(&ip->v4.sin_addr, data, len);
		return true;
	}
	if (family == AF_INET6 && len == sizeof ip->v6.sin6_addr) {
		*ip = (union net_ip){.v6.sin6_family = AF_INET6};
		memcpy(&ip->v6.sin6_addr, data, len);
		return true;
	}
	return false;
}

const void *net_ip_bytes(const struct sockaddr *address, size_t *ret_len)
{
	switch (address->sa_family) {
	case AF_INET:
		*ret_len = sizeof(struct in_addr);
		return &((const struct sockaddr_in *)address)->sin_addr;
	case AF_INET6:
		*ret_len = sizeof(struct in6_addr);
		return &((const struct sockaddr_in6 *)address)->sin6_addr;
	default: return NULL;
	}
}

void net_ip_scope(union net_ip *ip, uint32_t ifindex)
{
	if (ip->any.sa_family == AF_INET6 && (IN6_IS_ADDR_LINKLOCAL(&ip->v6.sin6_addr) ||
					      IN6_IS_ADDR_MC_LINKLOCAL(&ip->v6.sin6_addr)))
		ip->v6.sin6_scope_id = ifindex;
}
