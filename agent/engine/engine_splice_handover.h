/*
 * engine_splice_handover: one piece from the front of the pipe to the socket. Thread: one worker.
 */
#pragma once
#include "engine/engine_pipe.h"
#include "engine/engine_private.h"

/* An interrupted or odd vmsplice() is repeated, on a settled pipe, up to this many times in all. */
enum { SPLICE_LOADS_MAX = 3 };

/**
 * splice_hand_over() - hand over @piece, with all retries
 * @piped_bytes: what it takes in the pipe, splice_piped_bytes(); 0: it leaves by send()
 *
 * Return: true: sent; false: *ret_fault and *ret_error say why not (never FLOW_RETRY).
 */
bool splice_hand_over(struct flow *flow, const struct engine_pipe *pipe, const struct train *piece,
		      size_t piped_bytes, struct engine_counters *counters,
		      enum flow_fault *ret_fault, int *ret_error);

/** splice_not_loaded() - end a call because @piece could not be brought into the pipe: @error, a
 * positive errno */
void splice_not_loaded(struct flow *flow, struct train_cursor *cursor, const struct train *piece,
		       int error, struct engine_result *result);
