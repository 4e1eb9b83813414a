/* engine_socket: the connected, non-blocking socket of a UDP or raw IP flow. Thread: the flow's. */
#pragma once
#include "engine/engine_private.h"

/** flow_open_socket() - socket, bind, connect, options; fills fd, limits, local and path. Return:
 * 0; negative errno, with a problem in @problems with @field */
int flow_open_socket(struct flow *flow, const char *field, struct problem_set *problems);

/** flow_path_mtu_payload() - longest datagram that leaves unfragmented now, asked of the socket */
uint32_t flow_path_mtu_payload(const struct flow *flow);

/** flow_at_full_speed() - true when at least @packets of the stream leave as fast as they can */
bool flow_at_full_speed(const struct flow *flow, uint64_t packets);
