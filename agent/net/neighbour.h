/* neighbour: the kernel's neighbour table (ARP, neighbour discovery). Any thread; see link.h for
 * what holds for the room. */
#pragma once
#include "net/net_ip.h"

#include <net/ethernet.h>

enum neighbour_state {
	NEIGHBOUR_NONE,	      /* the table has no entry */
	NEIGHBOUR_INCOMPLETE, /* requested, no answer yet */
	NEIGHBOUR_REACHABLE,
	NEIGHBOUR_STALE,  /* known, not confirmed lately: stale, delay, probe */
	NEIGHBOUR_FAILED, /* no answer: the kernel drops packets to it */
	NEIGHBOUR_PERMANENT,
	NEIGHBOUR_NOARP,
};

struct neighbour {
	enum neighbour_state state;
	uint8_t mac[ETH_ALEN];
	bool has_mac;
};

/** neighbour_get() - the table's entry for @next_hop (as in struct route). Return: 0, with state
 * NONE where there is no entry; -EINVAL, -ENODEV; negative errno */
int neighbour_get(uint32_t ifindex, const struct sockaddr *next_hop,
		  struct neighbour *ret_neighbour);

/** neighbour_ask() - have the kernel resolve @next_hop (ARP, neighbour solicitation) as if a packet
 * were to leave; the answer goes to the table. Needs CAP_NET_ADMIN. Return: 0; -EPERM; -EINVAL;
 * other negative errno */
int neighbour_ask(uint32_t ifindex, const struct sockaddr *next_hop);
