/*
 * stream: one Stream of a spec compiled, in two steps: first everything but the bytes (checked,
 * counted, nothing of payload size allocated), then the bytes into memory the plan owns.
 */
#pragma once
#include "packet/check.h"
#include "packet/frame.h"
#include "packet/plan.h"

struct stream_build { /* what is needed between the two steps */
	const Pagecast__V1__Stream *spec;
	struct frame frame;
};

struct stream_totals { /* over all streams of a spec */
	uint64_t bytes;
	size_t payloads;
	bool told;	      /* that there is too much */
	struct net_link link; /* looked up last, for frames */
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

/** stream_write() - the bytes of every item, back to back. Return: behind the last byte written */
uint8_t *stream_write(const struct stream_build *build, struct plan_stream *stream, uint8_t *out);
