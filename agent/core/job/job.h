/*
 * job: one job as the agent keeps it in memory.
 *
 * What identifies a job never changes and may be read by whoever has a reference. Everything else
 * is read and written under the agent's lock, and `live` is there only until the job has ended and
 * its end is stored: a finished job is an index entry, its spec and record are the store's.
 */
#pragma once
#include "base/problem.h"
#include "core/job/deadlines.h"
#include "policy/demand.h"
#include "policy/policy.h"
#include "sender/sender.h"
#include "store/blob.h"
#include "store/job_id.h"

#include <nettle/sha2.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "pagecast/v1/job.pb-c.h"

enum { JOB_REQUEST_ID_MAX = 128 }; /* bytes: a UUID or a URL of someone's CI fits */

/* The changing part of a job that has not ended. */
struct job_facts {
	int64_t first_packet_ns, end_ns; /* CLOCK_REALTIME; 0: not yet */
	struct account account;
	int64_t account_ns; /* when it was true; 0: no sender was made yet */
	double fraction, current_pps, current_bps_l2;
	int64_t remaining_ns;		  /* 0: not known, or none */
	uint64_t refused, refused_stream; /* packets in a row that the kernel refuses; 0: none */
	int refused_error;
	char waiting_for[64];
	bool has_link;	     /* something is wrong with an interface at present: */
	struct problem link; /* the worst of it */
};

struct job_grant { /* its share of the policy's max_total_*; 0: none taken */
	double pps, bps_l2;
	bool capped; /* the sender holds it below: the job had no rate of its own */
};

/* What a job had sent before the agent ended; all 0: nothing. Constant once the threads run,
 * save `paused` and `exact`. */
struct job_earlier {
	struct sender_progress *streams; /* owned; names are NULL */
	size_t stream_count;
	struct account account; /* their sum; requested is what was attempted */
	int64_t first_packet_ns;
	bool repeats; /* after a crash: what was sent after the last stored counts is sent again */
	bool paused;  /* goes on paused; under the agent's lock */
	struct blob *exact; /* owned: the record with the exact account, for its row until the job
			       goes on; NULL: there is none, or it went on; under the agent's lock
			       */
};

struct job_forbidden { /* by a policy that was loaded while it ran */
	bool yes;
	char field[PROBLEM_FIELD_MAX], message[PROBLEM_MESSAGE_MAX]; /* which rule, for people */
};

struct job;

struct job_live {
	struct job *job;     /* whose this is */
	struct blob *spec;   /* in force: later changes of rate and priority are in it */
	struct blob *record; /* packed facts */
	struct job_facts facts;
	struct sender_progress *streams; /* [stream_count], owned: where each is, as the facts say;
					    names are its sender's */
	size_t stream_count;		 /* 0: it never ran */
	struct job_earlier earlier;
	struct policy_demand demand;
	struct job_grant grant;
	int64_t start_ns;		 /* CLOCK_REALTIME; 0: as soon as a worker is free */
	int64_t start_tolerance_ns;	 /* -1: none */
	bool hold;			 /* prepared, it waits for a start_time... */
	int64_t hold_timeout_ns;	 /* ...as long as this */
	bool in_hold_place;		 /* has one of the workers that held jobs may have */
	bool ready;			 /* it waits, and its pages and sockets stand */
	uint32_t changes;		 /* of what was prepared: it has to be prepared again */
	int64_t lease_ns;		 /* 0: none */
	struct deadline start;		 /* CLOCK_REALTIME: prepare, then due, then missed */
	struct deadline lease;		 /* CLOCK_MONOTONIC */
	size_t worker;			 /* that took it; SIZE_MAX: none */
	struct sender *sender;		 /* while it runs; the worker's */
	Pagecast__V1__EngineKind engine; /* of that */
	struct job_forbidden forbidden;	 /* written once, before the sender is stopped for it */
	bool again;	     /* taken, but prepared for a policy of the past: back into the queue */
	struct blob *cancel; /* of the call that stopped it: a piece of the record; NULL: none */
	enum sender_end stop; /* asked for, whether or not there is a sender; SENDER_RUNNING: no */
	bool queued;	      /* stands in the queue */
	bool settling;	      /* nothing more is sent: what the network says of it is waited for */
	bool ending;	      /* its end is being stored: nothing else may change it */
	bool unsaved;	      /* it has ended, but the store did not take that yet */
};

struct job {
	char id[JOB_ID_LEN + 1];
	_Atomic uint32_t references; /* any thread */
	char *owner, *request_id;    /* owned; request_id "" : none */
	uint8_t spec_digest[SHA256_DIGEST_SIZE];
	int64_t create_ns;
	/* under the agent's lock from here on */
	Pagecast__V1__JobState state;
	int32_t priority;
	uint64_t revision;
	uint64_t version;    /* of its stored row */
	uint64_t bytes;	     /* of its blobs in the store */
	struct blob *basic;  /* the spec without its streams */
	char *labels;	     /* owned: key NUL value NUL …; NULL: none */
	size_t labels_bytes; /* of it */
	int64_t end_ns;
	bool resumes;  /* RESTART_POLICY_RESUME */
	bool pending;  /* its row is being created: only its request_id is known to others */
	bool deleting; /* its row is being removed */
	bool damaged;  /* its row is: nothing of it but what is here can be trusted */
	struct job *next_request;	/* same bucket of job_requests */
	TAILQ_ENTRY(job) live_link;	/* of the unfinished, by id */
	TAILQ_ENTRY(job) finished_link; /* of the finished, by end */
	struct job_live *live;
};

TAILQ_HEAD(job_list, job);

/** job_new() - with one reference, live, QUEUED, without a name. @request_id may be "". NULL: out
 * of memory */
struct job *job_new(const char *owner, const char *request_id);
struct job *job_ref(struct job *job);
/** job_unref() - NULL-safe. Return: NULL */
struct job *job_unref(struct job *job);
/** job_end_live() - drop what only an unfinished job needs */
void job_end_live(struct job *job);

/** job_set_basic() - keep @basic (a reference is taken) and read priority and labels from it.
 * Return: 0; -ENOMEM; -EBADMSG */
int job_set_basic(struct job *job, struct blob *basic);
/** job_has_labels() - every one of @labels? */
bool job_has_labels(const struct job *job, Pagecast__V1__Label *const *labels, size_t count);

/** job_set_streams() - it runs: room for what becomes of its streams; @streams is owned from here
 * on, [@count] */
void job_set_streams(struct job *job, struct sender_progress *streams, size_t count);
/** job_set_plan() - times, demand and requested packets of an outline, into job->live */
void job_set_plan(struct job *job, const struct plan *plan);
/** job_refuse() - "job 01… is SUCCEEDED; only …"; under the agent's lock. Return:
 * FAILED_PRECONDITION */
int job_refuse(const struct job *job, const char *only, struct error *ret_error);

static inline void job_unref_variable(struct job **job)
{
	*job = job_unref(*job);
}
#define _cleanup_job_ __attribute__((cleanup(job_unref_variable)))
