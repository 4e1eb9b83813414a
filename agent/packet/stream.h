/* stream: one Stream of a spec compiled: checked and counted, nothing of payload size allocated. */
#pragma once
#include "net/link.h"
#include "packet/check.h"
#include "packet/stream_build.h"

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
