/*
 * view: a Job message out of what memory and store hold: taken under the lock, made without it.
 *
 * A Job is three pieces of protobuf, one behind the other: the fields of the moment, the record,
 * and the spec as field 2. Unpacking joins them. (L): under the agent's lock.
 */
#pragma once
#include "core/state/agent_private.h"

struct job_view {
	struct job *job;
	Pagecast__V1__JobState state;
	uint64_t revision;
	size_t queue_position;
	const char *waiting_for; /* static; NULL: the record says */
	bool ready;		 /* it waits, and its pages and sockets stand */
	struct blob *basic, *spec, *record;
	struct sender_progress *streams; /* [stream_count], owned: of a running job, where full */
	size_t stream_count;
	bool in_store; /* record and spec are to be read there */
	bool full;
	bool unsaved;	      /* it has ended, and the store has not taken that yet */
	bool damaged;	      /* its row is: there is nothing more to show */
	size_t message_bytes; /* of the message, once it is made */
};

/** view_take() - (L) references to everything; to be given to view_release() or view_give() */
void view_take(struct agent *agent, struct job *job, bool full, struct job_view *ret_view);
/** view_message() - the message; without the lock. A row that turns out damaged makes the job
 * FAILED, with the problem `damaged`. Return: 0 with *ret_job owned; NOT_FOUND: the job was deleted
 * since; UNAVAILABLE */
int view_message(struct agent *agent, struct job_view *view, Pagecast__V1__Job **ret_job,
		 struct error *ret_error);
void view_release(struct job_view *view);
/** view_give() - view_message() and view_release() */
int view_give(struct agent *agent, struct job_view *view, Pagecast__V1__Job **ret_job,
	      struct error *ret_error);
/** view_job() - the whole job as it is now; without the lock. Returns as view_message() */
int view_job(struct agent *agent, struct job *job, Pagecast__V1__Job **ret_job,
	     struct error *ret_error);
