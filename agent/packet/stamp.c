/* stamp: see stamp.h. */
#include "packet/stamp.h"

#include <endian.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "base/util.h"
#include "packet/check.h"
#include "packet/crc32c.h"

enum { MAGIC = 0x50474331, MAGIC_COMPACT = 0x7047, COMPACT_TIME_SHIFT = 4, FLAG_COVERS = 1 };

struct full { /* as on the wire */
	uint32_t magic, stream_id;
	uint64_t sequence, time;
	uint32_t flags, crc;
};

struct compact {
	uint16_t magic, stream_id;
	uint32_t sequence, time, crc;
};

_Static_assert(sizeof(struct full) == STAMP_BYTES, "no padding");
_Static_assert(sizeof(struct compact) == STAMP_COMPACT_BYTES, "no padding");

void stamp_compile(struct check *check, const Pagecast__V1__Stamp *spec, uint32_t room,
		   struct stamp *ret_stamp)
{
	*ret_stamp = (struct stamp){.stream_id = spec->stream_id,
				    .cover_payload = spec->cover_payload,
				    .bytes = STAMP_BYTES};
	if (room >= STAMP_BYTES)
		return;
	ret_stamp->bytes = STAMP_COMPACT_BYTES;
	if (room < STAMP_COMPACT_BYTES)
		check_fault(check, "",
			    "the shortest packet has %" PRIu32 " bytes of payload, and a stamp "
			    "takes %d or, with more, %d: give a size",
			    room, STAMP_COMPACT_BYTES, STAMP_BYTES);
	else if (spec->cover_payload)
		check_fault(check, "coverPayload",
			    "true, but the shortest packet has %" PRIu32 " bytes of payload: a "
			    "stamp that covers it takes %d",
			    room, STAMP_BYTES);
	else
		check_range(check, "streamId", spec->stream_id, 0, STAMP_COMPACT_ID_MAX);
}

void stamp_pick_id(struct stamp *stamp, const char *job_id, size_t stream)
{
	if (!stamp->bytes || stamp->stream_id)
		return;
	uint32_t id = crc32c(0, (const uint8_t *)job_id, strlen(job_id));
	id += (uint32_t)stream; /* no two of a job are the same */
	if (stamp->bytes == STAMP_COMPACT_BYTES)
		id = (id ^ id >> 16) & STAMP_COMPACT_ID_MAX;
	stamp->stream_id = id ? id : 1;
}

static uint32_t flags_of(const struct stamp *stamp)
{
	return (uint32_t)stamp->epoch << 16 | (stamp->cover_payload ? FLAG_COVERS : 0);
}

static void cover(uint8_t *packet, size_t len)
{
	uint32_t crc = htobe32(crc32c(0, packet, len - sizeof crc));
	memcpy(packet + len - sizeof crc, &crc, sizeof crc);
}

/*
 * A packet that lies in no cache is waited for by whoever reads it back, not by who writes: so each
 * stamp is made whole and written once. What stands in front of the sequence, and behind it, is the
 * same for all; their CRCs are computed side by side.
 */
enum { CRCS_AT_ONCE = 64 };
_Static_assert(offsetof(struct full, crc) - offsetof(struct full, sequence) == 20,
	       "a number, a word and a half");

static void write_full(const struct stamp *stamp, uint64_t sequence, uint64_t count,
		       int64_t time_ns, uint8_t *packet, size_t len)
{
	const uint32_t head[] = {htobe32(MAGIC), htobe32(stamp->stream_id)};
	const uint32_t head_crc = crc32c(0, (const uint8_t *)head, sizeof head);
	const uint64_t time = htobe64((uint64_t)time_ns);
	const uint32_t flags = htobe32(flags_of(stamp));
	uint32_t crcs[CRCS_AT_ONCE];
	for (uint64_t i = 0; i < count; i++, packet += len) {
		uint8_t *at = packet + len - STAMP_BYTES;
		if (i % CRCS_AT_ONCE == 0)
			crc32c_numbered(head_crc, sequence + i,
					MIN(count - i, (uint64_t)CRCS_AT_ONCE), time, flags, crcs);
		/* piece by piece: gathered in memory first, each would wait for its gathering */
		const uint64_t number = htobe64(sequence + i);
		const uint32_t crc = htobe32(crcs[i % CRCS_AT_ONCE]);
		memcpy(at, head, sizeof head);
		memcpy(at + offsetof(struct full, sequence), &number, sizeof number);
		memcpy(at + offsetof(struct full, time), &time, sizeof time);
		memcpy(at + offsetof(struct full, flags), &flags, sizeof flags);
		memcpy(at + offsetof(struct full, crc), &crc, sizeof crc);
		if (stamp->cover_payload)
			cover(packet, len);
	}
}

static void write_compact(const struct stamp *stamp, uint64_t sequence, int64_t time_ns,
			  uint8_t *packet, size_t len)
{
	struct compact compact = {
		.magic = htobe16(MAGIC_COMPACT),
		.stream_id = htobe16((uint16_t)stamp->stream_id),
		.sequence = htobe32((uint32_t)sequence),
		.time = htobe32((uint32_t)((uint64_t)time_ns >> COMPACT_TIME_SHIFT)),
	};
	compact.crc = htobe32(crc32c(0, (const uint8_t *)&compact, offsetof(struct compact, crc)));
	memcpy(packet + len - sizeof compact, &compact, sizeof compact);
}

void stamp_write(const struct stamp *stamp, uint64_t sequence, uint64_t count, int64_t time_ns,
		 uint8_t *packets, size_t len)
{
	if (stamp->bytes == STAMP_BYTES) {
		write_full(stamp, sequence, count, time_ns, packets, len);
		return;
	}
	for (uint64_t i = 0; i < count; i++)
		write_compact(stamp, sequence + i, time_ns, packets + i * len, len);
}
