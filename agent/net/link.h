/*
 * link: the network interfaces of this network namespace, as rtnetlink and ethtool describe them.
 *
 * Every call of this room (link, local_address, route, neighbour, queue) asks the kernel over a
 * socket that lives as long as the call. No state is kept: any thread may call, and nothing is
 * stale. A call waits NETLINK_TIMEOUT_MS for the kernel at most. Nothing needs a privilege unless
 * the function says so.
 */
#pragma once
#include "net/ethtool.h"

#include <net/ethernet.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct link {
	char name[IF_NAMESIZE];
	uint32_t index;
	uint8_t mac[ETH_ALEN];
	bool has_mac; /* an Ethernet device; loopback and tunnels have none */
	uint32_t mtu;
	bool up;		 /* set up by the administrator */
	bool carrier;		 /* the device has a connection */
	uint32_t carrier_losses; /* since it was made */
	bool loopback;
	uint64_t speed_bps;	   /* 0: unknown, as for most virtual devices */
	bool scatter_gather;	   /* an skb may reference pages: without it the kernel copies */
	bool udp_segmentation;	   /* the device cuts UDP trains itself */
	bool checksum4, checksum6; /* the device writes UDP checksums over IPv4, IPv6 */
	char driver[ETHTOOL_DRIVER_BYTES]; /* "veth", "virtio_net"; empty: unknown */
	uint64_t tx_packets, tx_bytes, tx_dropped;
	uint64_t rx_packets, rx_bytes, rx_dropped;
};

struct nlmsghdr;
/** link_of_message() - what an RTM_NEWLINK or RTM_DELLINK says, as link_basics(). Return: false: it
 * is none, or names no interface */
bool link_of_message(const struct nlmsghdr *message, struct link *ret_link);

/** link_list() - all interfaces of this network namespace. Return: 0 with *ret_links owned
 * (free()); -EOVERFLOW: more than NETLINK_LIST_MAX; other negative errno */
int link_list(struct link **ret_links, size_t *ret_count);

/* An interface may have other names beside its own, which are longer. */
enum { LINK_NAME_BYTES = 128 };
/** link_by_name() - by any of its names. Return: 0; -ENODEV: no interface of this name; negative
 * errno */
int link_by_name(const char *name, struct link *ret_link);
/** link_index() - of the interface that has this name, or had it given as another one. Return: 0:
 * none */
uint32_t link_index(const char *name);
/** link_by_index() - Return: 0; -ENODEV: no interface of this index; negative errno */
int link_by_index(uint32_t index, struct link *ret_link);

/** link_basics() - by index, without the properties that only the device knows (driver, speed_bps,
 * scatter_gather, udp_segmentation, checksum4, checksum6 stay unset): a tenth of the cost.
 * Return: 0; -ENODEV; negative errno */
int link_basics(uint32_t index, struct link *ret_link);
