/* walk_tunnel: transport headers, GRE, and tunnels over UDP. Parsers as walk_header.h describes
 * them. */
#pragma once
#include "packet/walk_header.h"

/** walk_tunnel_port() - is there a tunnel that is known by this UDP port? */
bool walk_tunnel_port(uint16_t port);

/**
 * walk_udp_payload() - choose the tunnel for the payload of a datagram, which becomes the next
 * header; none if the payload does not look like it
 * @at: [room], behind the UDP header
 */
void walk_udp_payload(struct walk *walk, const uint8_t *at, size_t room);

void walk_udp(struct walk *walk, const uint8_t *at, size_t room);
void walk_tcp(struct walk *walk, const uint8_t *at, size_t room);
void walk_ports(struct walk *walk, const uint8_t *at, size_t room);
void walk_gre(struct walk *walk, const uint8_t *at, size_t room);
void walk_vxlan(struct walk *walk, const uint8_t *at, size_t room);
void walk_vxlan_gpe(struct walk *walk, const uint8_t *at, size_t room);
void walk_geneve(struct walk *walk, const uint8_t *at, size_t room);
void walk_gtpu(struct walk *walk, const uint8_t *at, size_t room);
void walk_teredo(struct walk *walk, const uint8_t *at, size_t room);
