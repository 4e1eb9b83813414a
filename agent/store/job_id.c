/*
 * job_id: see job_id.h. Own code: Debian has no C library for ULIDs, and libuuid 2.38 makes no UUID
 * that sorts by time.
 */
#include "store/job_id.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

enum { ID_BYTES = 16, TIME_BYTES = 6 };

static const char DIGITS[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* 128 bits in 26 digits of 5 bits: the first digit holds the upper 3 bits only. */
static void encode(const uint8_t bytes[static ID_BYTES], char ret_id[static JOB_ID_LEN + 1])
{
	for (int i = 0; i < JOB_ID_LEN; i++) {
		int bit = 5 * i - 2; /* of the first bit of this digit, from the top */
		unsigned int window = 0;
		for (int b = bit; b < bit + 5; b++)
			window = window << 1 |
				 (b < 0 ? 0U : (unsigned int)bytes[b / 8] >> (7 - b % 8) & 1U);
		ret_id[i] = DIGITS[window];
	}
	ret_id[JOB_ID_LEN] = '\0';
}

static void decode(const char *id, uint8_t ret_bytes[static ID_BYTES])
{
	memset(ret_bytes, 0, ID_BYTES);
	for (int i = 0; i < JOB_ID_LEN; i++) {
		unsigned int value = (unsigned int)(strchr(DIGITS, id[i]) - DIGITS);
		for (int k = 0; k < 5; k++) {
			int b = 5 * i - 2 + k;
			if (b >= 0 && value >> (4 - k) & 1U)
				ret_bytes[b / 8] |= (uint8_t)(1U << (7 - b % 8));
		}
	}
}

static void put_time(uint8_t *bytes, uint64_t ms)
{
	for (int i = 0; i < TIME_BYTES; i++)
		bytes[i] = (uint8_t)(ms >> (8 * (TIME_BYTES - 1 - i)));
}

/* Return: false when all 80 bits were ones. */
static bool count_up(uint8_t random[static JOB_ID_RANDOM_BYTES])
{
	for (int i = JOB_ID_RANDOM_BYTES - 1; i >= 0; i--)
		if (++random[i])
			return true;
	return false;
}

int job_id_next(struct job_ids *ids, int64_t realtime_ns, char ret_id[static JOB_ID_LEN + 1])
{
	uint64_t ms = realtime_ns > 0 ? (uint64_t)(realtime_ns / 1000000) : 0;
	bool fresh = ms > ids->last_ms;
	if (!fresh && !count_up(ids->last_random)) {
		ms = ids->last_ms + 1;
		fresh = true;
	}
	if (fresh) {
		uint8_t random[JOB_ID_RANDOM_BYTES];
		if (getrandom(random, sizeof random, 0) != sizeof random)
			return -EIO;
		ids->last_ms = ms;
		memcpy(ids->last_random, random, sizeof random);
	}
	uint8_t bytes[ID_BYTES];
	put_time(bytes, ids->last_ms);
	memcpy(bytes + TIME_BYTES, ids->last_random, JOB_ID_RANDOM_BYTES);
	encode(bytes, ret_id);
	return 0;
}

void job_id_seen(struct job_ids *ids, const char *id)
{
	uint8_t seen[ID_BYTES], last[ID_BYTES];
	if (!job_id_valid(id))
		return;
	decode(id, seen);
	put_time(last, ids->last_ms);
	memcpy(last + TIME_BYTES, ids->last_random, JOB_ID_RANDOM_BYTES);
	if (memcmp(seen, last, ID_BYTES) <= 0)
		return;
	ids->last_ms = 0;
	for (int i = 0; i < TIME_BYTES; i++)
		ids->last_ms = ids->last_ms << 8 | seen[i];
	memcpy(ids->last_random, seen + TIME_BYTES, JOB_ID_RANDOM_BYTES);
}

bool job_id_valid(const char *text)
{
	return strlen(text) == JOB_ID_LEN && strspn(text, DIGITS) == JOB_ID_LEN && text[0] <= '7';
}
