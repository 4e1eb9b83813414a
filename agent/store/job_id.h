/*
 * job_id: names of jobs: ULIDs (48 bits of milliseconds, 80 random bits, Crockford's base 32), so
 * that they sort by time of creation.
 *
 * Strictly rising within one agent, also within a millisecond and when the clock is set back: then
 * the last one is counted up. Thread: a struct job_ids is used under the agent's lock.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { JOB_ID_LEN = 26, JOB_ID_RANDOM_BYTES = 10 };

struct job_ids {
	uint64_t last_ms;
	uint8_t last_random[JOB_ID_RANDOM_BYTES];
};

#define JOB_IDS_NULL ((struct job_ids){0})

/** job_id_next() - a name above all names given or seen. Return: 0; negative errno: no randomness
 */
int job_id_next(struct job_ids *ids, int64_t realtime_ns, char ret_id[static JOB_ID_LEN + 1]);
/** job_id_seen() - @id is in use (it came from the store): what follows is above it */
void job_id_seen(struct job_ids *ids, const char *id);
/** job_id_valid() - has @text the form of a name? */
bool job_id_valid(const char *text);
