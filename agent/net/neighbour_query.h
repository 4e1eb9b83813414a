/*
 * neighbour_query: an ARP request or ICMPv6 neighbour solicitation from here, and its answer. It
 * needs CAP_NET_RAW, where neighbour_ask(), which has the kernel do it, needs CAP_NET_ADMIN. The
 * neighbour table does not change. Thread: one.
 *
 * Answers are accepted as the kernel accepts them: from any host on the link, and from none beyond
 * it (IPv6: hop limit 255).
 */
#pragma once
#include <net/ethernet.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct neighbour_query;

/**
 * neighbour_query_new() - send the first request
 * @next_hop: as in route; borrowed for the call
 *
 * Return: 0 with *ret_query owned (neighbour_query_free()); -EPERM: no CAP_NET_RAW; -ENODEV: no
 * such interface, or it has no MAC; -EINVAL: not an IP address; other negative errno.
 */
int neighbour_query_new(struct neighbour_query **ret_query, uint32_t ifindex,
			const struct sockaddr *next_hop);

/** neighbour_query_again() - send another request, in case one was lost. Return: 0; negative errno
 */
int neighbour_query_again(struct neighbour_query *query);

/** neighbour_query_take() - read the answers that have arrived; does not wait. Return: true with
 * *ret_mac */
bool neighbour_query_take(struct neighbour_query *query, uint8_t ret_mac[static ETH_ALEN]);

/** neighbour_query_free() - NULL-safe. Return: NULL */
struct neighbour_query *neighbour_query_free(struct neighbour_query *query);
