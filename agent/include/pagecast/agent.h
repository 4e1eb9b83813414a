/*
 * agent: what the outside may ask of the agent. api/ calls this and nothing else of agent/.
 *
 * Every call takes the caller and a request message (the RPC's own) and gives a response message,
 * owned by the caller of the function and freed with protobuf_c_message_free_unpacked(&m->base,
 * NULL). Calls return 0, or the error_code (> 0) with *ret_error filled; never a negative errno.
 * Thread: any. Calls hold the agent's lock for microseconds only; CancelJob waits until sending has
 * ended (<= 2 s). Faults of a request name their field from the request message on:
 * "spec.streams[0].rate".
 */
#pragma once
#include "pagecast/error.h"
#include "pagecast/role.h"

#include <stdbool.h>
#include <stdint.h>

#include "pagecast/v1/agent_service.pb-c.h"
#include "pagecast/v1/job.pb-c.h"
#include "pagecast/v1/transmit_service.pb-c.h"

struct agent;

enum {
	AGENT_WORKERS_MAX = 64,
	AGENT_HISTORY_JOBS_MAX = 1000000,
};

struct agent_caller {
	const char *principal; /* who, with its kind: "token:ci", "cert:lab3", "uid:1000", "local";
				* becomes Job.owner */
	enum agent_role role;
	const char *peer;     /* from where, for the audit log: "127.0.0.1:51234", "unix" */
	const char *accessor; /* of the token that proved it; NULL or "": none */
	int64_t deadline_ns;  /* CLOCK_MONOTONIC: how long it will wait for an answer; 0: no word */
};

struct agent_options {
	const char *name; /* host name; borrowed during the call */
	const char *version;
	const char *state_dir;	 /* where the store lives; NULL: in memory */
	const char *policy_file; /* NULL: the built-in policy */
	/* The policy file's codec belongs to api/: main() lends it. Return 0 or an error_code. */
	int (*parse_policy)(const char *json, size_t len, Pagecast__V1__Policy **ret_policy,
			    struct error *ret_error);
	uint32_t workers;
	const int *pin_cpus; /* [pin_count]; worker i runs on pin_cpus[i % pin_count] */
	size_t pin_count;
	uint32_t history_max_jobs; /* finished jobs kept, by count and by age; 0: the default */
	uint64_t history_max_age_s;
	bool open;		   /* callers prove nothing: no tokens, no client certificates */
	const struct clock *clock; /* borrowed while the agent lives; NULL: the real one */
};

/** agent_new() - probe, read policy and store; starts no thread. Return: 0; error_code */
int agent_new(struct agent **ret_agent, const struct agent_options *options,
	      struct error *ret_error);
/** agent_start() - scheduler and workers run from here on */
int agent_start(struct agent *agent, struct error *ret_error);
/** agent_stop() - take nothing more, end running jobs as INTERRUPTED, flush; returns within 4 s.
 * Return: how many ends of jobs could not be stored: a restart undoes them */
size_t agent_stop(struct agent *agent);
struct agent *agent_free(struct agent *agent);
/** agent_reload_policy() - SIGHUP; a bad file keeps the old policy and says so */
int agent_reload_policy(struct agent *agent, struct error *ret_error);

/** agent_check_ready() - would a job be taken now? (/readyz) Return: 0; UNAVAILABLE with the reason
 */
int agent_check_ready(struct agent *agent, struct error *ret_error);
enum { AGENT_WARNING_BYTES = 320 };
/** agent_warning() - what an operator should see to though jobs are taken: damage in the store.
 * Return: false: nothing */
bool agent_warning(struct agent *agent, char ret_text[static AGENT_WARNING_BYTES]);

/* ---- TransmitService ---- */
/** agent_submit_job() - @ret_created: false when request_id named a job that was there already; may
 * be NULL */
int agent_submit_job(struct agent *agent, const struct agent_caller *caller,
		     const Pagecast__V1__SubmitJobRequest *request, Pagecast__V1__Job **ret_job,
		     bool *ret_created, struct error *ret_error);
int agent_get_job(struct agent *agent, const struct agent_caller *caller,
		  const Pagecast__V1__GetJobRequest *request, Pagecast__V1__Job **ret_job,
		  struct error *ret_error);
int agent_list_jobs(struct agent *agent, const struct agent_caller *caller,
		    const Pagecast__V1__ListJobsRequest *request,
		    Pagecast__V1__ListJobsResponse **ret_response, struct error *ret_error);
int agent_update_job(struct agent *agent, const struct agent_caller *caller,
		     const Pagecast__V1__UpdateJobRequest *request, Pagecast__V1__Job **ret_job,
		     struct error *ret_error);
int agent_cancel_job(struct agent *agent, const struct agent_caller *caller,
		     const Pagecast__V1__CancelJobRequest *request, Pagecast__V1__Job **ret_job,
		     struct error *ret_error);
enum { AGENT_ID_BYTES = 32, AGENT_CANCELLED_IDS_MAX = 4 };
struct agent_cancelled {				   /* which jobs a CancelJobs stopped */
	char ids[AGENT_CANCELLED_IDS_MAX][AGENT_ID_BYTES]; /* the first of them */
	size_t count;
};
/** agent_cancel_jobs() - @ret_cancelled: zeroed by the caller, filled in whatever comes of the
 * call; may be NULL */
int agent_cancel_jobs(struct agent *agent, const struct agent_caller *caller,
		      const Pagecast__V1__CancelJobsRequest *request,
		      Pagecast__V1__CancelJobsResponse **ret_response,
		      struct agent_cancelled *ret_cancelled, struct error *ret_error);
int agent_pause_job(struct agent *agent, const struct agent_caller *caller,
		    const Pagecast__V1__PauseJobRequest *request, Pagecast__V1__Job **ret_job,
		    struct error *ret_error);
int agent_resume_job(struct agent *agent, const struct agent_caller *caller,
		     const Pagecast__V1__ResumeJobRequest *request, Pagecast__V1__Job **ret_job,
		     struct error *ret_error);
int agent_delete_job(struct agent *agent, const struct agent_caller *caller,
		     const Pagecast__V1__DeleteJobRequest *request,
		     Pagecast__V1__DeleteJobResponse **ret_response, struct error *ret_error);

/** agent_check_spec() - what is wrong with a spec, whatever the host and the policy say;
 * fields are named from the spec on. Return: 0; INVALID_ARGUMENT with all faults */
int agent_check_spec(const Pagecast__V1__JobSpec *spec, struct error *ret_error);

/** agent_preview_job() - what would be sent; sends nothing. May take milliseconds: pages are packed
 */
int agent_preview_job(struct agent *agent, const struct agent_caller *caller,
		      const Pagecast__V1__PreviewJobRequest *request,
		      Pagecast__V1__PreviewJobResponse **ret_response, struct error *ret_error);

/* ---- AgentService ---- */
int agent_get_agent(struct agent *agent, const struct agent_caller *caller,
		    const Pagecast__V1__GetAgentRequest *request, Pagecast__V1__Agent **ret_agent,
		    struct error *ret_error);
int agent_get_policy(struct agent *agent, const struct agent_caller *caller,
		     const Pagecast__V1__GetPolicyRequest *request,
		     Pagecast__V1__Policy **ret_policy, struct error *ret_error);
int agent_list_interfaces(struct agent *agent, const struct agent_caller *caller,
			  const Pagecast__V1__ListInterfacesRequest *request,
			  Pagecast__V1__ListInterfacesResponse **ret_response,
			  struct error *ret_error);
int agent_list_engines(struct agent *agent, const struct agent_caller *caller,
		       const Pagecast__V1__ListEnginesRequest *request,
		       Pagecast__V1__ListEnginesResponse **ret_response, struct error *ret_error);

/* ---- following ---- */
enum { AGENT_WATCH_CHANGES_MAX = 32 }; /* of one call: a watcher that is far behind takes several */

struct agent_watch { /* where a watcher stands; zeroed, then filled in by its owner, one thread */
	const char *job_id;		    /* NULL: all jobs. Borrowed, as the labels */
	uint32_t states;		    /* a bit a JobState; 0: all */
	Pagecast__V1__Label *const *labels; /* [label_count] that a job must carry */
	size_t label_count;
	uint64_t cursor;  /* in: what the caller knows; 0: nothing. Moved by each call */
	bool begun, over; /* over: the one job has ended or is gone, and this was its last change */
};

struct agent_change {
	char id[32]; /* of the job */
	uint64_t revision;
	bool deleted;
};

/**
 * agent_watch_next() - which jobs changed since the cursor, each once, in the order of the changes
 * @ret_changes: [*ret_count]; fewer than AGENT_WATCH_CHANGES_MAX: these are all at present
 *
 * From cursor 0 all jobs that have not ended come first. A deletion comes with the id alone,
 * whatever the filters. Return: 0; NOT_FOUND; OUT_OF_RANGE: the cursor is older than what is
 * remembered (REST: 410).
 */
int agent_watch_next(struct agent *agent, const struct agent_caller *caller,
		     struct agent_watch *watch,
		     struct agent_change ret_changes[static AGENT_WATCH_CHANGES_MAX],
		     size_t *ret_count, struct error *ret_error);

/**
 * agent_watch_event() - a change as the event to send: the job as it is now, which may be newer
 * than the change
 *
 * Apart from agent_watch_next(), so that many watchers of one job share what is made once. Return:
 * 0 with *ret_event owned; NOT_FOUND: deleted since (the next call says so); UNAVAILABLE.
 */
int agent_watch_event(struct agent *agent, const struct agent_change *change, bool full,
		      Pagecast__V1__JobEvent **ret_event, struct error *ret_error);

struct agent_job_position { /* where a job is, for who waits for it to move on */
	uint64_t revision;
	bool ended;
};

/** agent_job_position() - what agent_get_job() would say of it, without building a message. Return:
 * 0; NOT_FOUND */
int agent_job_position(struct agent *agent, const struct agent_caller *caller, const char *id,
		       struct agent_job_position *ret_position, struct error *ret_error);

/** agent_revision() - the newest; a watcher whose cursor is there has seen everything */
uint64_t agent_revision(struct agent *agent);

/**
 * agent_set_listener() - be called when something gets a new revision (a job changed, or was
 * deleted)
 * @changed: called with no lock held, from any of the agent's threads; must only note it and
 * return, and touch no descriptor: workers have a table of their own. One listener, set before
 * agent_start().
 */
void agent_set_listener(struct agent *agent, void (*changed)(void *context, uint64_t revision),
			void *context);
