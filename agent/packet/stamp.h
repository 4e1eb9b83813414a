/*
 * stamp: the last bytes of a payload, from which a receiver tells streams apart and computes loss,
 * order and latency. Big-endian; one of two forms for all packets of a stream:
 *
 *   32 bytes: magic u32 "PGC1", stream id u32, sequence u64, time u64 (ns, CLOCK_REALTIME), flags
 * u32 (upper 16 bits: epoch, another for each start of sending; bit 0: the CRC covers the payload
 * too), CRC-32C u32 of the 28 bytes before, or of all before 16 bytes: magic u16 "pG", stream id
 * u16, sequence u32, time u32 (16 ns, CLOCK_REALTIME), CRC-32C u32 of the 12 bytes before
 *
 * A packet is written with its time 0 (plan_packet_write()), and gets it when it is handed over.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "pagecast/v1/job_spec.pb-c.h"

struct check; /* packet/check.h */

enum { STAMP_BYTES = 32, STAMP_COMPACT_BYTES = 16, STAMP_COMPACT_ID_MAX = 65535 };

struct stamp {	       /* zeroed: packets carry none */
	uint8_t bytes; /* STAMP_BYTES or STAMP_COMPACT_BYTES */
	bool cover_payload;
	uint32_t stream_id; /* 0: not picked yet */
	uint16_t epoch;
};

/**
 * stamp_compile() - check "stamp", below which @check stands
 * @room: bytes of payload that the shortest packet has
 */
void stamp_compile(struct check *check, const Pagecast__V1__Stamp *spec, uint32_t room,
		   struct stamp *ret_stamp);

/** stamp_pick_id() - one for a stream that has none: by its job and its place, so that it stays the
 * same over restarts */
void stamp_pick_id(struct stamp *stamp, const char *job_id, size_t stream);

/**
 * stamp_write() - the stamps of @count packets, from @sequence on
 * @packets: [count * len], back to back; the rest of them is in place; len >= stamp->bytes
 * @time_ns: CLOCK_REALTIME
 */
void stamp_write(const struct stamp *stamp, uint64_t sequence, uint64_t count, int64_t time_ns,
		 uint8_t *packets, size_t len);
