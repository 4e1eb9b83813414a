/*
 * stream_names: the streams of a job that a request names.
 *
 * A job's streams never change, so their names are looked up in its spec without the agent's lock.
 */
#pragma once
#include "core/state/agent_private.h"

struct stream_names {
	size_t *streams; /* [count], owned: places in the spec */
	size_t count;	 /* 0: none was named */
};

/**
 * stream_names_find() - without the lock
 * @names: [@count], as they came; faults name "streams[i]"
 *
 * Return: 0, with none found where the job has ended; INVALID_ARGUMENT: an empty name, or one that
 * no stream has; UNAVAILABLE.
 */
int stream_names_find(struct agent *agent, struct job *job, char *const *names, size_t count,
		      struct stream_names *ret_found, struct error *ret_error);
void stream_names_deinit(struct stream_names *names);
