/* layer: see layer.h. */
#include "packet/layer.h"

#include "base/util.h"

enum {
	ETHERNET_HEADER_BYTES = 14,
	FCS_BYTES = 4,
	ETHERNET_MIN_BYTES = 64,     /* with FCS; a device pads shorter frames */
	PREAMBLE_AND_GAP_BYTES = 20, /* 8 B preamble and delimiter, 12 B inter-frame gap */
};

uint64_t plan_layer_bytes(const struct plan_stream *stream, uint32_t len, Pagecast__V1__Layer layer)
{
	uint64_t l3 = (uint64_t)len + stream->overhead_l3;
	uint64_t l2 = stream->destination.kind == PLAN_ETHERNET ? len : l3 + ETHERNET_HEADER_BYTES;
	uint64_t with_fcs =
		l2 + FCS_BYTES < ETHERNET_MIN_BYTES ? ETHERNET_MIN_BYTES : l2 + FCS_BYTES;
	switch (layer) {
	case PAGECAST__V1__LAYER__LAYER_PAYLOAD: return len;
	case PAGECAST__V1__LAYER__LAYER_L3:
		if (stream->destination.kind != PLAN_ETHERNET)
			return l3;
		return len - MIN(len, (uint32_t)ETHERNET_HEADER_BYTES + stream->vlan_bytes);
	case PAGECAST__V1__LAYER__LAYER_L2_FCS: return with_fcs;
	case PAGECAST__V1__LAYER__LAYER_L1: return with_fcs + PREAMBLE_AND_GAP_BYTES;
	default: /* L2, and UNSPECIFIED, which plan_compile() replaced */ return l2;
	}
}
