/* route: the path that the kernel would take to a destination. Any thread; see link.h for what
 * holds for the room. */
#pragma once
#include "net/net_ip.h"

enum route_type {
	ROUTE_UNICAST,
	ROUTE_LOCAL, /* this host */
	ROUTE_BROADCAST,
	ROUTE_MULTICAST,
	ROUTE_ANYCAST,
	ROUTE_UNREACHABLE, /* dropped, with ICMP */
	ROUTE_BLACKHOLE,   /* dropped silently */
	ROUTE_PROHIBIT,
	ROUTE_UNKNOWN_TYPE,
};

struct route {
	enum route_type type;
	uint32_t ifindex;      /* outgoing interface */
	union net_ip next_hop; /* the gateway, or the destination itself where it is on the link */
	bool via_gateway;
	union net_ip source; /* the source address that the kernel would write */
	uint32_t mtu;	     /* of the path as far as it is known, else of the interface */
};

/**
 * route_get() - how the kernel would send to @to right now
 * @to:        IPv4 or IPv6 destination; the port is ignored. borrowed
 * @from:      source to send from (a local address), or NULL: the kernel's choice. borrowed
 * @interface: name of the outgoing interface, "": any. A sin6_scope_id in @to counts too
 *
 * Return: 0; -ENETUNREACH: no route; -EHOSTUNREACH: an unreachable route; -EACCES: a prohibit
 * route; -EINVAL: a blackhole route (IPv4), or @from is not a local address (ENETUNREACH on newer
 * kernels); -ENODEV: no such interface; -EAFNOSUPPORT; other negative errno. The types UNREACHABLE,
 * BLACKHOLE and PROHIBIT are seen only where the kernel answers with the route instead of the
 * error.
 */
int route_get(const struct sockaddr *to, const struct sockaddr *from, const char *interface,
	      struct route *ret_route);
