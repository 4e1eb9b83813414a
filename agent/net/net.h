/*
 * net: what the kernel knows about interfaces, own addresses, routes and neighbours.
 *
 * Each call asks the kernel anew (rtnetlink, and ethtool's ioctl for what a device can do), over a
 * socket of its own that lives as long as the call: no state is kept, so any thread may call, and
 * nothing here goes stale. A call waits NET_TIMEOUT_MS for the kernel at most. Only answers that
 * come from the kernel and belong to the question are read, and no length inside them is believed
 * before it is checked. Nothing here needs a privilege.
 */
#pragma once
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	NET_TIMEOUT_MS = 1000,
	NET_MAC_BYTES = 6,
	NET_DRIVER_BYTES = 32,
	NET_LIST_MAX = 65536, /* links or addresses a host may have; more is -EOVERFLOW */
};

struct net_link {
	char name[IF_NAMESIZE];
	uint32_t index;
	uint8_t mac[NET_MAC_BYTES];
	bool has_mac; /* an Ethernet device; loopback and tunnels have none */
	uint32_t mtu;
	bool up;      /* set up by the administrator */
	bool carrier; /* the other end is there */
	bool loopback;
	uint64_t speed_bps;	   /* 0: unknown, as for most virtual devices */
	bool scatter_gather;	   /* an skb may reference pages: without it the kernel copies */
	bool udp_segmentation;	   /* the device cuts UDP trains itself */
	bool checksum4, checksum6; /* the device writes UDP checksums over IPv4, IPv6 */
	char driver[NET_DRIVER_BYTES]; /* "veth", "virtio_net"; empty: the device does not say */
	uint64_t tx_packets, tx_bytes, tx_dropped;
	uint64_t rx_packets, rx_bytes, rx_dropped;
};

/** net_link_list() - every interface of this network namespace. Return: 0 with *ret_links owned
 * (free()); negative errno */
int net_link_list(struct net_link **ret_links, size_t *ret_count);

/** net_link_by_name() - Return: 0; -ENODEV: no interface of this name; negative errno */
int net_link_by_name(const char *name, struct net_link *ret_link);
/** net_link_by_index() - Return: 0; -ENODEV: no interface of this index; negative errno */
int net_link_by_index(uint32_t index, struct net_link *ret_link);

/** net_link_basics() - by index, without what is asked of the device itself (driver, speed_bps,
 * scatter_gather, udp_segmentation stay unset): a tenth of the cost. Return: 0; -ENODEV; negative
 * errno */
int net_link_basics(uint32_t index, struct net_link *ret_link);

/* An address without its port; any.sa_family AF_UNSPEC where there is none. */
union net_ip {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6; /* a link-local one with its sin6_scope_id */
};

struct net_address { /* an own address */
	union net_ip ip;
	uint32_t ifindex;
	uint8_t prefix_bits;	/* 0 .. 32, 0 .. 128 */
	union net_ip broadcast; /* IPv4, where the interface has one */
};

/** net_address_list() - the host's own addresses. Return: 0 with *ret_addresses owned (free());
 * negative errno */
int net_address_list(struct net_address **ret_addresses, size_t *ret_count);

enum net_route_type {
	NET_ROUTE_UNICAST,
	NET_ROUTE_LOCAL, /* this host */
	NET_ROUTE_BROADCAST,
	NET_ROUTE_MULTICAST,
	NET_ROUTE_ANYCAST,
	NET_ROUTE_UNREACHABLE, /* thrown away, with ICMP */
	NET_ROUTE_BLACKHOLE,   /* thrown away in silence */
	NET_ROUTE_PROHIBIT,
	NET_ROUTE_OTHER,
};

struct net_route {
	enum net_route_type type;
	uint32_t ifindex;      /* out by this interface */
	union net_ip next_hop; /* the gateway, or the destination itself when it is on the link */
	bool via_gateway;
	union net_ip source; /* what the kernel will write as source */
	uint32_t mtu;	     /* of the path as far as it is known, else of the interface */
};

/**
 * net_route_get() - how the kernel would send to @to right now
 * @to:        IPv4 or IPv6 destination; the port is not looked at. borrowed
 * @from:      source to send from (an own address), or NULL: the kernel's choice
 * @interface: name of the interface to leave by, "" : any. A sin6_scope_id in @to counts too
 *
 * Return: 0; -ENETUNREACH: no route; -EHOSTUNREACH: an unreachable route; -EACCES: a prohibit
 * route; -EINVAL: a blackhole route (IPv4), or @from is no own address (ENETUNREACH on newer
 * kernels); -ENODEV: no such interface; -EAFNOSUPPORT; other negative errno. The types UNREACHABLE,
 * BLACKHOLE and PROHIBIT are seen only where the kernel answers with the route in place of the
 * error.
 */
int net_route_get(const struct sockaddr *to, const struct sockaddr *from, const char *interface,
		  struct net_route *ret_route);

enum net_neighbour_state {
	NET_NEIGHBOUR_NONE,	  /* the table has no entry (never asked, or no need to ask) */
	NET_NEIGHBOUR_INCOMPLETE, /* being asked for, no answer yet */
	NET_NEIGHBOUR_REACHABLE,
	NET_NEIGHBOUR_STALE,  /* known, not confirmed lately: stale, delay, probe */
	NET_NEIGHBOUR_FAILED, /* asked in vain: the kernel throws packets away */
	NET_NEIGHBOUR_PERMANENT,
	NET_NEIGHBOUR_NOARP,
};

struct net_neighbour {
	enum net_neighbour_state state;
	uint8_t mac[NET_MAC_BYTES];
	bool has_mac;
};

/** net_neighbour_get() - what the neighbour table says of @next_hop (as in net_route). Return: 0,
 * with state NONE where there is no entry; -EINVAL, -ENODEV; negative errno */
int net_neighbour_get(uint32_t ifindex, const struct sockaddr *next_hop,
		      struct net_neighbour *ret_neighbour);

/** net_neighbour_ask() - have the kernel ask for @next_hop (ARP, neighbour solicitation) as if a
 * packet were to leave; the answer comes into the table. Needs CAP_NET_ADMIN. Return: 0; -EPERM;
 * -EINVAL; other negative errno */
int net_neighbour_ask(uint32_t ifindex, const struct sockaddr *next_hop);

/**
 * net_queue_drops() - packets the queues (qdiscs) of an interface threw away since they were made
 * @ret_drops: wraps at 2^32, as the kernel's counter does; 0 where the interface has no queue
 *
 * What a queue drops of a train that it cut itself is seen nowhere else. Return: 0; -EINVAL;
 * negative errno.
 */
int net_queue_drops(uint32_t ifindex, uint32_t *ret_drops);
