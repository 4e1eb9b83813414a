/* walk_link: headers of the link layer and what is found by an EtherType: Ethernet, tags, LLC, PPP,
 * MPLS, NSH, ARP. Parsers as walk_header.h describes them. */
#pragma once
#include "packet/walk_header.h"

enum walk_guess { WALK_NO, WALK_YES, WALK_SHORT /* too few bytes to tell */ };

/** walk_ethertype() - the header that an EtherType stands for; a length up to 1500 is WALK_LLC */
enum walk_kind walk_ethertype(const struct walk *walk, uint16_t type);

/**
 * walk_guess_type() - does @at look like what @type stands for?
 * @room: bytes at @at
 *
 * For places where the encapsulation itself is only a guess. Types that are not opened: WALK_NO.
 */
enum walk_guess walk_guess_type(const struct walk *walk, uint16_t type, const uint8_t *at,
				size_t room);
/** walk_guess_ethernet() - the same for an Ethernet header */
enum walk_guess walk_guess_ethernet(const struct walk *walk, const uint8_t *at, size_t room);
/** walk_guess_ip() - the same for an IP header */
enum walk_guess walk_guess_ip(const uint8_t *at, size_t room);

void walk_ethernet_header(struct walk *walk, const uint8_t *at, size_t room);
void walk_vlan(struct walk *walk, const uint8_t *at, size_t room);
void walk_backbone(struct walk *walk, const uint8_t *at, size_t room);
void walk_llc(struct walk *walk, const uint8_t *at, size_t room);
void walk_macsec(struct walk *walk, const uint8_t *at, size_t room);
void walk_pppoe(struct walk *walk, const uint8_t *at, size_t room);
void walk_ppp(struct walk *walk, const uint8_t *at, size_t room);
void walk_mpls(struct walk *walk, const uint8_t *at, size_t room);
void walk_nsh(struct walk *walk, const uint8_t *at, size_t room);
void walk_etherip(struct walk *walk, const uint8_t *at, size_t room);
void walk_erspan2(struct walk *walk, const uint8_t *at, size_t room);
void walk_erspan3(struct walk *walk, const uint8_t *at, size_t room);
void walk_arp(struct walk *walk, const uint8_t *at, size_t room);
