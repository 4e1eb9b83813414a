/* net_ip: an IPv4 or IPv6 address without its port, in the form that sockets take. */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

union net_ip { /* any.sa_family AF_UNSPEC: no address */
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6; /* a link-local one with its sin6_scope_id */
};

/** net_ip_set() - from the bytes of an address, in network order; port and scope 0. Return: false,
 * with *ip as it was, where @len does not fit @family (AF_INET, AF_INET6) */
bool net_ip_set(union net_ip *ip, int family, const void *data, size_t len);

/** net_ip_bytes() - the bytes of an address, in network order. Return: inside @address, with
 * *ret_len 4 or 16; NULL: neither IPv4 nor IPv6 */
const void *net_ip_bytes(const struct sockaddr *address, size_t *ret_len);

/** net_ip_scope() - give a link-local IPv6 address, unicast or multicast, its interface; others
 * stay as they are */
void net_ip_scope(union net_ip *ip, uint32_t ifindex);
