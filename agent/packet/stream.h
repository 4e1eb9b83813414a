/*
 * stream: one Stream of a spec compiled: checked and counted, nothing of payload size allocated;
 * and the bytes of its items, one by one, into memory that the plan owns.
 */
#pragma once
#include "net/link.h"
#include "packet/check.h"
#include "packet/frame.h"
#include "packet/plan.h"

struct stream_source { /* one payload, for all items that are this or the beginning of it */
	uint32_t payload, len;
	const uint8_t *bytes; /* the plan's; NULL: not written yet */
};

struct stream_build {			  /* where the bytes of a stream's items come from */
	const Pagecast__V1__Stream *spec; /* borrowed as long as the plan lives */
	struct plan *plan;
	struct frame frame;
	struct stream_source *sources; /* [source_count], owned by the plan */
	size_t source_count;
	struct modifier *modifiers; /* owned by the plan; NULL: none */
};

/** stream_build_deinit() - what the plan owns of it */
void stream_build_deinit(struct stream_build *build);

struct stream_totals { /* over all streams of a spec */
	uint64_t bytes;
	size_t payloads;  /* or items, where sizes make more of them */
	bool reported;	  /* that a maximum is exceeded */
	struct link link; /* looked up last, for frames */
};

/**
 * stream_compile() - check one stream below the path entered
 * @page_room: PAGE_PER_PACKET: bytes of a page behind page_offset; 0: PACKED
 * @ret:       zeroed before; items (without bytes) are owned by the caller in every case
 *
 * Return: 0, faults or not; -ENOMEM.
 */
int stream_compile(struct check *check, const Pagecast__V1__Stream *spec, uint32_t page_room,
		   struct stream_totals *totals, struct stream_build *ret_build,
		   struct plan_stream *ret);
