/*
 * worker: a thread that takes jobs out of the queue and runs one at a time (job_run.h).
 *
 * To take one it needs a lane, of which there are as many as the user wants workers. Once nothing
 * more of its job is sent, it lets go of the lane, and another goes on there while this one waits
 * for what the network has to say and for the store. Who has done with its job and finds no free
 * lane rests; they are started as they are needed and stay until the agent stops.
 *
 * A worker has a table of descriptors of its own (sys_own_descriptors()): whatever it calls may use
 * those that it opened itself, and standard error, but none of another thread's. So a job stays
 * with its worker until its end, the store is written by a thread of its own, and the listener is
 * called without a descriptor.
 */
#pragma once

struct agent;
struct error;

/** worker_start() - one more; it ends when the agent stops, and is to be joined then. Thread: any,
 * without the lock. Return: 0; UNAVAILABLE: no thread; RESOURCE_EXHAUSTED: there are enough */
int worker_start(struct agent *agent, struct error *ret_error);
