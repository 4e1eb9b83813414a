/*
 * neighbour_query: asking a neighbour for its MAC ourselves, where the kernel may not be told to
 * (neighbour_ask() needs CAP_NET_ADMIN; this needs CAP_NET_RAW): an ARP request, or an ICMPv6
 * neighbour solicitation, and the answer to it. The neighbour table stays as it is. Thread: one.
 *
 * Answers are believed as the kernel believes them: whoever is on the link may answer, nobody from
 * beyond it (IPv6: hop limit 255).
 */
#pragma once
#include <net/ethernet.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct neighbour_query;

/**
 * neighbour_query_new() - ask once
 * @next_hop: as in route; borrowed for the call
 *
 * Return: 0 with *ret_query owned (neighbour_query_free()); -EPERM: no CAP_NET_RAW; -ENODEV: no
 * such interface, or one without MACs; -EINVAL: no address; other negative errno.
 */
int neighbour_query_new(struct neighbour_query **ret_query, uint32_t ifindex,
			const struct sockaddr *next_hop);

/** neighbour_query_again() - once more: a request may be lost. Return: 0; negative errno */
int neighbour_query_again(struct neighbour_query *query);

/** neighbour_query_take() - what has arrived so far; does not wait. Return: true with *ret_mac */
bool neighbour_query_take(struct neighbour_query *query, uint8_t ret_mac[static ETH_ALEN]);

/** neighbour_query_free() - NULL-safe. Return: NULL */
struct neighbour_query *neighbour_query_free(struct neighbour_query *query);
