/* job_queue: see job_queue.h. */
#include "core/job/job_queue.h"

#include "base/util.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

int job_queue_reserve(struct job_queue *queue, size_t count)
{
	if (count <= queue->capacity)
		return 0;
	size_t capacity = count * 2 + 64;
	struct job **jobs = reallocarray(queue->jobs, capacity, sizeof *jobs);
	if (!jobs)
		return -ENOMEM;
	queue->jobs = jobs;
	queue->capacity = capacity;
	return 0;
}

/* Is @a taken after @b? */
static bool is_after(const struct job *a, const struct job *b)
{
	if (a->priority != b->priority)
		return a->priority < b->priority;
	return strcmp(a->id, b->id) > 0;
}

/* How many are taken after @job; they stand before it in the array. */
static size_t index_of(const struct job_queue *queue, const struct job *job)
{
	size_t low = 0, high = queue->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (is_after(queue->jobs[middle], job))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void job_queue_add(struct job_queue *queue, struct job *job)
{
	assert(queue->count < queue->capacity && !job->live->queued);
	size_t index = index_of(queue, job);
	memmove(queue->jobs + index + 1, queue->jobs + index,
		(queue->count - index) * sizeof *queue->jobs);
	queue->jobs[index] = job;
	queue->count++;
	job->live->queued = true;
}

void job_queue_remove(struct job_queue *queue, struct job *job)
{
	if (!job->live || !job->live->queued)
		return;
	size_t index = index_of(queue, job);
	assert(queue->jobs[index] == job);
	queue->count--;
	memmove(queue->jobs + index, queue->jobs + index + 1,
		(queue->count - index) * sizeof *queue->jobs);
	job->live->queued = false;
}

struct job *job_queue_first(const struct job_queue *queue, bool held)
{
	for (size_t i = queue->count; i > 0; i--)
		if (held || !queue->jobs[i - 1]->live->hold)
			return queue->jobs[i - 1];
	return NULL;
}

size_t job_queue_position(const struct job_queue *queue, const struct job *job)
{
	return job->live && job->live->queued ? queue->count - index_of(queue, job) : 0;
}

void job_queue_deinit(struct job_queue *queue)
{
	free(queue->jobs);
	*queue = (struct job_queue){0};
}
