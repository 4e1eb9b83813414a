/*
 * worker: a thread that takes jobs out of the queue and runs one at a time (job_run.h).
 *
 * A worker has a table of descriptors of its own (sys_own_descriptors()): whatever it calls may use
 * those that it opened itself, and standard error, but none of another thread's. So the store is
 * written by a thread of its own, and the listener is called without a descriptor.
 */
#pragma once

/** worker_main() - until the agent stops. @context: the struct worker. Return: NULL */
void *worker_main(void *context);
