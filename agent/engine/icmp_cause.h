/*
 * icmp_cause: what an ICMP error means, by its type, its code and who sent it. The errno that the
 * kernel makes of it says less: a packet filter's and a router's word look like a neighbour that
 * does not answer. Pure. Thread: any.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum icmp_cause {
	ICMP_CAUSE_PORT,	/* nothing listens there, says the destination */
	ICMP_CAUSE_PROTOCOL,	/* nothing takes the IP protocol there */
	ICMP_CAUSE_NEIGHBOUR,	/* this host: the next hop does not answer */
	ICMP_CAUSE_FILTER_HERE, /* a packet filter or a route of this host rejects it */
	ICMP_CAUSE_FILTER,	/* another host rejects it */
	ICMP_CAUSE_UNREACHABLE, /* another host has no way to the destination */
	ICMP_CAUSE_TOO_LONG,	/* fragmentation needed, packet too big */
	ICMP_CAUSE_HOP_LIMIT,	/* TTL or hop limit ran out */
	ICMP_CAUSE_OTHER,
	ICMP_CAUSE_COUNT,
};

enum icmp_sender {			  /* of the error */
		   ICMP_FROM_DESTINATION, /* which may be this host itself */
		   ICMP_FROM_HERE,
		   ICMP_FROM_OTHER,
};

/** icmp_cause_of() - @type and @code as in the ICMP or, with @v6, ICMPv6 header */
enum icmp_cause icmp_cause_of(bool v6, uint8_t type, uint8_t code, enum icmp_sender sender);
