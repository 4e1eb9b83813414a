/*
 * network: addresses and prefixes as the policy judges them.
 *
 * One address can be spelled in several ways, and a few IPv6 addresses are really IPv4 places
 * (mapped, 6to4, NAT64, Teredo, ISATAP): here they are resolved. Pure functions. Thread: any.
 */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ip_address {
	int family; /* AF_INET, AF_INET6; AF_UNSPEC: none */
	uint8_t bytes[16];
};

struct network {
	struct ip_address address; /* bits behind the prefix are zero */
	uint8_t prefix_bits;
};

enum { NETWORK_TEXT_MAX = INET6_ADDRSTRLEN + 4 };
enum { IP_EMBEDDED_MAX = 2 };

/**
 * network_parse() - "10.0.0.0/8", "fe80::/10", or an address alone
 *
 * Return: NULL with *ret_network; or what is wrong with @text, a static predicate ("has …").
 */
const char *network_parse(const char *text, struct network *ret_network);
/** network_text() - the canonical spelling, with its prefix */
void network_text(const struct network *network, char ret_text[static NETWORK_TEXT_MAX]);
bool network_has(const struct network *network, const struct ip_address *address);

/** ip_of() - an IPv4-mapped IPv6 address is the IPv4 address that the kernel would send to */
struct ip_address ip_of(const struct sockaddr *sockaddr);
struct ip_address ip_of_bytes(int family, const void *bytes);
void ip_text(const struct ip_address *address, char ret_text[static INET6_ADDRSTRLEN]);
bool ip_equal(const struct ip_address *a, const struct ip_address *b);
bool ip_is_zero(const struct ip_address *address);	  /* 0.0.0.0, :: */
bool ip_is_unspecified(const struct ip_address *address); /* 0.0.0.0/8, :: */
bool ip_is_multicast(const struct ip_address *address);

/**
 * ip_embedded() - the IPv4 addresses to which a translator or tunnel would carry @address
 *
 * Return: how many of @ret_addresses were written.
 */
size_t ip_embedded(const struct ip_address *address,
		   struct ip_address ret_addresses[static IP_EMBEDDED_MAX]);
/** ip_is_local_nat64() - 64:ff9b:1::/48, which each site carries to IPv4 in its own way */
bool ip_is_local_nat64(const struct ip_address *address);
