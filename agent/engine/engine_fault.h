/*
 * engine_fault: what an errno of a send means, and what the error queue says afterwards.
 * Thread: the flow's.
 */
#pragma once
#include "engine/engine_private.h"

/* A call that was interrupted or met a pending soft error is repeated at most this often: each
 * error is used up by the call that reports it, so more in a row are an answer. */
enum { FLOW_RETRIES_MAX = 16 };

/**
 * flow_fault() - decide
 * @piece: what was to leave in this call
 * @error: positive errno
 * @tries: how often this call was made before, 0 the first time
 */
enum flow_fault flow_fault(struct flow *flow, const struct train *piece, int error,
			   unsigned int tries, struct engine_counters *counters);

/** flow_train_refused() - from here on packets leave one by one; the path's reason says why:
 * @error, a positive errno. Return: FLOW_RECUT */
enum flow_fault flow_train_refused(struct flow *flow, int error);

/** flow_read_error() - read one entry of the error queue into flow->pending or flow->completions.
 * Return: 1 counted as an asynchronous error; 0 not; negative errno: the queue is empty */
int flow_read_error(struct flow *flow, struct engine_counters *counters);
/** flow_read_errors() - read them all. Return: how many counted */
uint64_t flow_read_errors(struct flow *flow, struct engine_counters *counters);
