/* stream_build: where the bytes of a stream's items come from, which plan_bytes.c writes. */
#pragma once
#include "packet/frame.h"
#include "packet/plan.h"

struct stream_source { /* one payload, for all items that are this or the beginning of it */
	uint32_t payload, len;
	const uint8_t *bytes; /* the plan's; NULL: not written yet */
};

struct stream_build {
	const Pagecast__V1__Stream *spec; /* borrowed as long as the plan lives */
	struct plan *plan;
	struct frame frame;
	struct stream_source *sources; /* [source_count], owned by the plan */
	size_t source_count;
	struct modifier *modifiers; /* owned by the plan; NULL: none */
};
