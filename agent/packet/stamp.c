/* stamp: see stamp.h. */
#include "packet/stamp.h"

#include <endian.h>
#include <inttypes.h>
#include <string.h>

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

static void write_full(const struct stamp *stamp, uint64_t sequence, int64_t time_ns,
		       uint8_t *payload, size_t len)
{
	size_t at = len - STAMP_BYTES, checked = STAMP_BYTES - sizeof(uint32_t);
	struct full full = {
		.magic = htobe32(MAGIC),
		.stream_id = htobe32(stamp->stream_id),
		.sequence = htobe64(sequence),
		.time = htobe64((uint64_t)time_ns),
		.flags = htobe32((uint32_t)stamp->epoch << 16 |
				 (stamp->cover_payload ? FLAG_COVERS : 0)),
	};
	uint32_t crc = stamp->cover_payload ? crc32c(0, payload, at) : 0;
	full.crc = htobe32(crc32c(crc, (const uint8_t *)&full, checked));
	memcpy(payload + at, &full, sizeof full);
}

static void write_compact(const struct stamp *stamp, uint64_t sequence, int64_t time_ns,
			  uint8_t *payload, size_t len)
{
	struct compact compact = {
		.magic = htobe16(MAGIC_COMPACT),
		.stream_id = htobe16((uint16_t)stamp->stream_id),
		.sequence = htobe32((uint32_t)sequence),
		.time = htobe32((uint32_t)((uint64_t)time_ns >> COMPACT_TIME_SHIFT)),
	};
	size_t checked = STAMP_COMPACT_BYTES - sizeof(uint32_t);
	compact.crc = htobe32(crc32c(0, (const uint8_t *)&compact, checked));
	memcpy(payload + len - STAMP_COMPACT_BYTES, &compact, sizeof compact);
}

void stamp_write(const struct stamp *stamp, uint64_t sequence, int64_t time_ns, uint8_t *payload,
		 size_t len)
{
	if (stamp->bytes == STAMP_BYTES)
		write_full(stamp, sequence, time_ns, payload, len);
	else
		write_compact(stamp, sequence, time_ns, payload, len);
}

void stamp_time(const struct stamp *stamp, int64_t time_ns, uint8_t *payload, size_t len)
{
	uint64_t sequence;
	if (stamp->bytes == STAMP_BYTES) {
		struct full full;
		memcpy(&full, payload + len - STAMP_BYTES, sizeof full);
		sequence = be64toh(full.sequence);
	} else {
		struct compact compact;
		memcpy(&compact, payload + len - STAMP_COMPACT_BYTES, sizeof compact);
		sequence = be32toh(compact.sequence);
	}
	stamp_write(stamp, sequence, time_ns, payload, len);
}
