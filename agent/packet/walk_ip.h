/* walk_ip: IPv4 and IPv6 headers, their options and extension headers, and what is found by an IP
 * protocol number. Parsers as walk_header.h describes them. */
#pragma once
#include "packet/walk_header.h"

/** walk_ip_protocol() - the header that an IP protocol number stands for */
enum walk_kind walk_ip_protocol(uint8_t protocol);

void walk_ip_header(struct walk *walk, const uint8_t *at, size_t room);
void walk_ipv6_options(struct walk *walk, const uint8_t *at, size_t room);
void walk_ipv6_routing(struct walk *walk, const uint8_t *at, size_t room);
void walk_ipv6_fragment(struct walk *walk, const uint8_t *at, size_t room);
void walk_ipv6_extension(struct walk *walk, const uint8_t *at, size_t room);
void walk_authentication(struct walk *walk, const uint8_t *at, size_t room);
void walk_hidden(struct walk *walk, const uint8_t *at, size_t room);
void walk_minimal(struct walk *walk, const uint8_t *at, size_t room);
void walk_icmpv6(struct walk *walk, const uint8_t *at, size_t room);
