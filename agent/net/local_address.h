/* local_address: the addresses of this host. Any thread; see link.h for what holds for the room. */
#pragma once
#include "net/net_ip.h"

#include <stdbool.h>

struct local_address {
	union net_ip ip;
	uint32_t ifindex;
	uint8_t prefix_bits;	/* 0 .. 32, 0 .. 128 */
	union net_ip broadcast; /* IPv4, where the interface has one */
};

struct nlmsghdr;
/** local_address_of_message() - what an RTM_NEWADDR or RTM_DELADDR says. Return: false: it is none
 */
bool local_address_of_message(const struct nlmsghdr *message, struct local_address *ret_address);

/** local_address_list() - Return: 0 with *ret_addresses owned (free()); -EOVERFLOW: more than
 * NETLINK_LIST_MAX; other negative errno */
int local_address_list(struct local_address **ret_addresses, size_t *ret_count);
