/*
 * job_index: all jobs by name, and by (owner, request_id).
 *
 * Names rise with time, so an array in their order is both the list of jobs and the way to find one
 * (binary search); its head moves when the oldest leave. Thread: under the agent's lock.
 */
#pragma once
#include "core/job/job.h"

enum { JOB_REQUESTS_BUCKETS = 4096 };

struct job_index {
	struct job **jobs; /* [first .. first + count), by id; references are held */
	size_t first, count, capacity;
};

struct job_requests {
	struct job *buckets[JOB_REQUESTS_BUCKETS]; /* no references held */
};

/** job_index_reserve() - room for @count jobs in all. Return: 0; -ENOMEM */
int job_index_reserve(struct job_index *index, size_t count);
/** job_index_add() - takes a reference; room was reserved */
void job_index_add(struct job_index *index, struct job *job);
/** job_index_remove() - gives the reference back to the caller; @job is in it */
void job_index_remove(struct job_index *index, struct job *job);
/** job_index_find() - borrowed; NULL: none */
struct job *job_index_find(const struct job_index *index, const char *id);
/** job_index_below() - how many jobs have a name below @id: the next older one is at [that - 1] */
size_t job_index_below(const struct job_index *index, const char *id);
/** job_index_at() - @position 0 is the oldest */
static inline struct job *job_index_at(const struct job_index *index, size_t position)
{
	return index->jobs[index->first + position];
}
/** job_index_deinit() - gives all references back */
void job_index_deinit(struct job_index *index);

void job_requests_add(struct job_requests *requests, struct job *job);
void job_requests_remove(struct job_requests *requests, struct job *job);
struct job *job_requests_find(const struct job_requests *requests, const char *owner,
			      const char *request_id);
