/*
 * job_queue: jobs that a worker may take, in the order in which they are taken: priority, then
 * arrival (their names rise with it).
 *
 * A sorted array: its length is bounded by the policy, a position is a binary search. Thread: under
 * the agent's lock.
 */
#pragma once
#include "core/job/job.h"

struct job_queue {
	struct job **jobs; /* [count], the next one last: taking it moves nothing */
	size_t count, capacity;
};

/** job_queue_reserve() - Return: 0; -ENOMEM */
int job_queue_reserve(struct job_queue *queue, size_t count);
/** job_queue_add() - borrows @job; room was reserved */
void job_queue_add(struct job_queue *queue, struct job *job);
/** job_queue_remove() - before its priority is changed; harmless when it is not queued */
void job_queue_remove(struct job_queue *queue, struct job *job);
/** job_queue_first() - the first that may be taken; @held: held jobs may. NULL: none */
struct job *job_queue_first(const struct job_queue *queue, bool held);
/** job_queue_position() - 1 is next; 0: not queued */
size_t job_queue_position(const struct job_queue *queue, const struct job *job);
void job_queue_deinit(struct job_queue *queue);
