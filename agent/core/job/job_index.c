/* job_index: see job_index.h. */
#include "core/job/job_index.h"

#include "base/util.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

int job_index_reserve(struct job_index *index, size_t count)
{
	if (index->first + count <= index->capacity)
		return 0;
	if (index->first >= count / 2 + 1) { /* half of it is unused head */
		memmove(index->jobs, index->jobs + index->first,
			index->count * sizeof *index->jobs);
		index->first = 0;
		if (count <= index->capacity)
			return 0;
	}
	size_t capacity = (index->first + count) * 2 + 64;
	struct job **jobs = reallocarray(index->jobs, capacity, sizeof *jobs);
	if (!jobs)
		return -ENOMEM;
	index->jobs = jobs;
	index->capacity = capacity;
	return 0;
}

size_t job_index_below(const struct job_index *index, const char *id)
{
	size_t low = 0, high = index->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(job_index_at(index, middle)->id, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void job_index_add(struct job_index *index, struct job *job)
{
	assert(index->first + index->count < index->capacity);
	size_t position = job_index_below(index, job->id);
	struct job **at = index->jobs + index->first + position;
	memmove(at + 1, at, (index->count - position) * sizeof *at);
	*at = job_ref(job);
	index->count++;
}

void job_index_remove(struct job_index *index, struct job *job)
{
	size_t position = job_index_below(index, job->id);
	struct job **at = index->jobs + index->first + position;
	assert(position < index->count && *at == job);
	index->count--;
	if (position == 0)
		index->first++;
	else
		memmove(at, at + 1, (index->count - position) * sizeof *at);
}

struct job *job_index_find(const struct job_index *index, const char *id)
{
	size_t position = job_index_below(index, id);
	if (position == index->count)
		return NULL;
	struct job *job = job_index_at(index, position);
	return strcmp(job->id, id) == 0 ? job : NULL;
}

void job_index_deinit(struct job_index *index)
{
	for (size_t i = 0; i < index->count; i++)
		job_unref(job_index_at(index, i));
	free(index->jobs);
	*index = (struct job_index){0};
}

static size_t bucket_of(const char *owner, const char *request_id)
{
	uint32_t hash = 2166136261U; /* FNV-1a; a caller who makes chains makes only his own slow */
	for (const char *c = owner; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619U;
	for (const char *c = request_id; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619U;
	return hash % JOB_REQUESTS_BUCKETS;
}

void job_requests_add(struct job_requests *requests, struct job *job)
{
	struct job **bucket = &requests->buckets[bucket_of(job->owner, job->request_id)];
	job->next_request = *bucket;
	*bucket = job;
}

void job_requests_remove(struct job_requests *requests, struct job *job)
{
	struct job **at = &requests->buckets[bucket_of(job->owner, job->request_id)];
	while (*at && *at != job)
		at = &(*at)->next_request;
	if (*at)
		*at = job->next_request;
}

struct job *job_requests_find(const struct job_requests *requests, const char *owner,
			      const char *request_id)
{
	struct job *job = requests->buckets[bucket_of(owner, request_id)];
	while (job && (strcmp(job->owner, owner) != 0 || strcmp(job->request_id, request_id) != 0))
		job = job->next_request;
	return job;
}
