/* layer: what a packet counts at each layer. Pure. */
#pragma once
#include "packet/plan.h"

/**
 * plan_layer_bytes() - how many bytes a packet of @len counts at @layer
 *
 * PAYLOAD: len; L3: + the IP (and UDP) header the kernel adds; L2: + 14 (Ethernet frames: len as
 * is); L2_FCS: + 4, at least 64; L1: L2_FCS + 20. Fragments of an oversized datagram are not
 * counted apart.
 */
uint64_t plan_layer_bytes(const struct plan_stream *stream, uint32_t len,
			  Pagecast__V1__Layer layer);
