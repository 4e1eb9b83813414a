/* address: literals of a spec turned into addresses: IP, zone, interface, MAC. Only names of
 * interfaces are looked up. */
#pragma once
#include "net/net_ip.h"
#include "packet/check.h"

#include <net/ethernet.h>
#include <net/if.h>

/**
 * address_parse() - an IPv4 or IPv6 literal, with a zone where it is IPv6
 * @ret_zone: name of the zone's interface, empty without one; its index is in sin6_scope_id
 *
 * IPv4 in IPv6 form is refused: it would leave as IPv4 and bypass rules for IPv6.
 * Return: true; false with a fault of @field.
 */
bool address_parse(struct check *check, const char *field, const char *text, union net_ip *ret_ip,
		   char ret_zone[static IF_NAMESIZE]);

/** address_interface() - an interface that exists, by its name or another one that it has, or "".
 * Return: true with its index and name, 0 and "" for ""; a fault of @field otherwise */
bool address_interface(struct check *check, const char *field, const char *name,
		       uint32_t *ret_index, char ret_name[static IF_NAMESIZE]);

/** address_mac() - "02:00:00:00:00:01", also with '-'. Return: true; false with a fault of @field
 */
bool address_mac(struct check *check, const char *field, const char *text,
		 uint8_t ret_mac[static ETH_ALEN]);

bool address_unspecified(const union net_ip *ip);
bool address_multicast(const union net_ip *ip);
/** address_limited_broadcast() - 255.255.255.255 */
bool address_limited_broadcast(const union net_ip *ip);
/** address_needs_interface() - means something only together with an interface: IPv6 link-local */
bool address_needs_interface(const union net_ip *ip);
/** address_format() - the literal, with its zone. Return: @buffer */
enum { ADDRESS_TEXT_BYTES = INET6_ADDRSTRLEN + IF_NAMESIZE };
const char *address_format(const union net_ip *ip, const char *zone,
			   char buffer[static ADDRESS_TEXT_BYTES]);
