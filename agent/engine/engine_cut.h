/*
 * engine_cut: a train cut into the pieces that single calls take, and the account of each.
 * Thread: the flow's.
 */
#pragma once
#include "engine/engine_private.h"

/** flow_next_piece() - what one call may take at @cursor: a (part of a) train, or one packet */
struct train flow_next_piece(const struct flow *flow, const struct train_cursor *cursor,
			     uint64_t packets_max);

/** flow_segment() - make UDP_SEGMENT fit @piece. Return: 0; negative errno */
int flow_segment(struct flow *flow, const struct train *piece, struct engine_counters *counters);

/** flow_segment_fits() - true when flow_segment() has nothing to do */
bool flow_segment_fits(const struct flow *flow, const struct train *piece);

/** flow_sent() - account for @piece as taken by the kernel */
void flow_sent(struct flow *flow, struct train_cursor *cursor, const struct train *piece,
	       struct engine_result *result);

/** flow_stopped() - end a call by FULL or REFUSED of @piece at @cursor */
void flow_stopped(struct flow *flow, struct train_cursor *cursor, const struct train *piece,
		  enum flow_fault fault, int error, struct engine_result *result);
