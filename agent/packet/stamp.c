/* stamp: see stamp.h. */
#include "packet/stamp.h"

#include <endian.h>
#include <inttypes.h>
#include <stddef.h>
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

static struct full full_of(const struct stamp *stamp, uint64_t sequence, int64_t time_ns)
{
	return (struct full){
		.magic = htobe32(MAGIC),
		.stream_id = htobe32(stamp->stream_id),
		.sequence = htobe64(sequence),
		.time = htobe64((uint64_t)time_ns),
		.flags = htobe32((uint32_t)stamp->epoch << 16 |
				 (stamp->cover_payload ? FLAG_COVERS : 0)),
	};
}

static struct compact compact_of(const struct stamp *stamp, uint64_t sequence, int64_t time_ns)
{
	return (struct compact){
		.magic = htobe16(MAGIC_COMPACT),
		.stream_id = htobe16((uint16_t)stamp->stream_id),
		.sequence = htobe32((uint32_t)sequence),
		.time = htobe32((uint32_t)((uint64_t)time_ns >> COMPACT_TIME_SHIFT)),
	};
}

void stamp_write(const struct stamp *stamp, uint64_t sequence, int64_t time_ns, uint8_t *payload,
		 size_t len)
{
	uint8_t *at = payload + len - stamp->bytes;
	size_t checked = stamp->bytes - sizeof(uint32_t);
	if (stamp->bytes == STAMP_BYTES) {
		struct full full = full_of(stamp, sequence, time_ns);
		memcpy(at, &full, checked);
	} else {
		struct compact compact = compact_of(stamp, sequence, time_ns);
		memcpy(at, &compact, checked);
	}
	bool covers = stamp->cover_payload;
	uint32_t crc =
		htobe32(covers ? crc32c(0, payload, len - sizeof crc) : crc32c(0, at, checked));
	memcpy(at + checked, &crc, sizeof crc);
}
