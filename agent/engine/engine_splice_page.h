/* engine_splice_page: the textbook sequence, a page a packet. Thread: one worker. */
#pragma once
#include "engine/engine_pipe.h"
#include "engine/engine_private.h"

/** splice_send_pages() - as flow_send(), of a flow whose limits say page_per_packet */
void splice_send_pages(struct flow *flow, struct engine_pipe *pipe, struct train_cursor *cursor,
		       uint64_t packets_max, struct engine_result *result,
		       struct engine_counters *counters);
