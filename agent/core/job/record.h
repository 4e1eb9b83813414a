/*
 * record: the changing part of a job as packed bytes: the Job message's times, progress, account,
 * report, problems and stream results, and nothing else of it.
 *
 * protobuf messages may be joined: a Job is its record, a few fields of its own and its spec, one
 * behind the other, unpacked once (view.c). Thread: any; no state.
 */
#pragma once
#include "core/job/job.h"
#include "store/blob.h"

struct record_results {			     /* of a job that has ended */
	const struct sender_report *job;     /* borrowed */
	const struct sender_report *streams; /* [plan->stream_count] */
	const struct plan *plan;	     /* for the names */
	bool job_account_only;		     /* how they divide among its streams is not known */
};

/** record_time() - @ns of CLOCK_REALTIME in *@message. Return: it; NULL: @ns is 0, "not yet" */
Google__Protobuf__Timestamp *record_time(Google__Protobuf__Timestamp *message, int64_t ns);
/** record_account() - @account in *@message, without its time */
void record_account(Pagecast__V1__Account *message, const struct account *account);

struct record_problems { /* a set as messages, which borrow from it */
	Pagecast__V1__Problem problems[PROBLEM_SET_MAX];
	Pagecast__V1__Problem *list[PROBLEM_SET_MAX];
};
/** record_fill_problems() - list[0 .. set->count) */
void record_fill_problems(struct record_problems *messages, const struct problem_set *set);

/**
 * record_pack() - @facts as a record
 * @problems: NULL: none
 * @results:  NULL: the job has not ended
 *
 * Return: owned; NULL: out of memory.
 */
struct blob *record_pack(const struct job_facts *facts, const struct problem_set *problems,
			 const struct record_results *results);

/** record_streams() - where each stream of a running job is, as a piece of a record. Return: owned;
 * NULL: out of memory */
struct blob *record_streams(const struct sender_progress *streams, size_t count);
/** record_pack_streams() - a running job's record, with where each stream is. Return: owned;
 * NULL: out of memory */
struct blob *record_pack_streams(const struct job_facts *facts,
				 const struct sender_progress *streams, size_t count);

/** record_cancel() - who cancelled a job, and why, as a piece of a record. Return: owned; NULL: out
 * of memory */
struct blob *record_cancel(const char *principal, const char *reason);
/** record_join() - two records as one: fields that both have are the second's. Return: owned; NULL:
 * out of memory */
struct blob *record_join(const struct blob *first, const struct blob *second);

/** record_without_end() - the same, of what goes on. Return: owned; NULL: out of memory, unreadable
 */
struct blob *record_without_end(const struct blob *record);
/** record_read() - the facts that a record was packed of, as far as it has them; streams from
 * record_pack_streams() are owned. Return: 0; -ENOMEM; -EBADMSG */
int record_read(const struct blob *record, struct job_facts *ret_facts,
		struct sender_progress **ret_streams, size_t *ret_count);
