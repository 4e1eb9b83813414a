/*
 * submit: SubmitJob and the check of a spec alone. See pagecast/agent.h.
 *
 * Checked without the lock; a place in the queue and the request_id are taken under it; then the
 * job is stored; then it is shown. Between the last two it is *pending*: whoever comes with the
 * same request_id waits until it is known whether the store took it.
 */
#include "base/util.h"
#include "core/calls/submission.h"
#include "core/job/principal.h"
#include "core/job/record.h"
#include "core/state/agent.h"
#include "core/state/lifecycle.h"
#include "core/state/row.h"
#include "core/state/view.h"
#include "packet/plan_compile.h"

#include <inttypes.h>
#include <string.h>

enum { RETRY_AFTER_S = 1 };
/* Specs of jobs that have not ended: a full queue of 4 MiB specs would be 4 GiB. */
#define LIVE_BYTES_MAX (UINT64_C(256) << 20)

static int check_request_id(const char *request_id, struct error *ret_error)
{
	size_t len = strlen(request_id);
	if (len > JOB_REQUEST_ID_MAX)
		error_violate(ret_error, "requestId", "%zu bytes are more than %d", len,
			      JOB_REQUEST_ID_MAX);
	for (const char *c = request_id; *c; c++)
		if (*c < 0x21 || *c > 0x7e) {
			error_violate(ret_error, "requestId",
				      "has a character that is not printable ASCII without spaces");
			break;
		}
	return (int)ret_error->code;
}

static int make_job(struct agent *agent, const struct agent_caller *caller, const char *request_id,
		    const struct submission *submission, struct job **ret_job,
		    struct error *ret_error)
{
	_cleanup_job_ struct job *job = job_new(caller->principal, request_id);
	if (!job || job_set_basic(job, submission->basic) < 0)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	struct sha256_ctx sha256;
	sha256_init(&sha256);
	sha256_update(&sha256, submission->spec->len, submission->spec->data);
	sha256_digest(&sha256, sizeof job->spec_digest, job->spec_digest);
	job->live->spec = blob_ref(submission->spec);
	job_set_plan(job, submission->plan);
	job->live->record = record_pack(&job->live->facts, NULL, NULL);
	if (!job->live->record)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	job->create_ns = clock_realtime_ns(agent->clock);
	*ret_job = TAKE_PTR(job);
	return 0;
}

/* Under the lock: room for one more, in the rules and in memory. */
static int check_room(struct agent *agent, const struct job *job, struct error *ret_error)
{
	uint32_t queued_max = agent->policy->message->max_jobs_queued;
	size_t sending = agent->state_counts[PAGECAST__V1__JOB_STATE__JOB_STATE_RUNNING] +
			 agent->state_counts[PAGECAST__V1__JOB_STATE__JOB_STATE_PAUSED];
	int r = 0;
	if (agent->live_count - sending >= queued_max) {
		r = error_set(ret_error, ERROR_CODE_RESOURCE_EXHAUSTED,
			      "the queue is full: %u jobs wait (the policy's maxJobsQueued)",
			      queued_max);
		ret_error->rule = "maxJobsQueued";
	} else if (agent->live_bytes + job->live->spec->len > LIVE_BYTES_MAX) {
		r = error_set(ret_error, ERROR_CODE_RESOURCE_EXHAUSTED,
			      "the queue is full: its specs take %" PRIu64
			      " bytes of at most %" PRIu64,
			      agent->live_bytes, LIVE_BYTES_MAX);
	}
	if (r) {
		ret_error->retry_after_s = RETRY_AFTER_S;
		return r;
	}
	if (lifecycle_reserve(agent) < 0)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	return 0;
}

/* Are @a and @b the same but for one byte at most? */
static bool nearly_equal(const char *a, const char *b)
{
	size_t different = 0, len = strlen(a);
	if (strlen(b) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		different += a[i] != b[i];
	return different <= 1;
}

/* Under the lock: a damaged job that may be the one of this request: a repeated request must not
 * send twice because a row was damaged since. */
static struct job *find_damaged(struct agent *agent, const struct job *job)
{
	struct job *found;
	if (!agent->damaged_count)
		return NULL;
	TAILQ_FOREACH(found, &agent->finished, finished_link)
	{
		bool same_spec =
			memcmp(found->spec_digest, job->spec_digest, SHA256_DIGEST_SIZE) == 0;
		if (found->damaged && found->request_id[0] &&
		    (agent->open || nearly_equal(found->owner, job->owner)) &&
		    (strcmp(found->request_id, job->request_id) == 0 ||
		     (same_spec && nearly_equal(found->request_id, job->request_id))))
			return found;
	}
	return NULL;
}

/* Under the lock: the job that has this request_id, by whatever name the caller was known then. */
static struct job *find_request(struct agent *agent, const struct job *job)
{
	char legacy[PRINCIPAL_BYTES];
	struct job *found = job_requests_find(&agent->requests, job->owner, job->request_id);
	if (!found && principal_legacy(job->owner, legacy))
		found = job_requests_find(&agent->requests, legacy, job->request_id);
	return found ? found : find_damaged(agent, job);
}

/* Under the lock, released while it waits: the job that has this request_id; one that is being
 * created or removed is waited for. Borrowed; NULL: none */
static struct job *find_earlier(struct agent *agent, const struct job *job)
{
	struct job *earlier = NULL;
	while (job->request_id[0] && (earlier = find_request(agent, job)) &&
	       (earlier->pending || earlier->deleting))
		agent_wait(agent, &agent->settled);
	return earlier;
}

/* Under the lock: an id, a place in the queue, the request_id. */
static int reserve(struct agent *agent, struct job *job, struct error *ret_error)
{
	if (agent->stopping)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "the agent is stopping");
	int r = check_room(agent, job, ret_error);
	if (r)
		return r;
	if (job_id_next(&agent->ids, job->create_ns, job->id) < 0)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE,
				 "system entropy is not yet available");
	job->pending = true;
	agent->live_count++;
	agent->live_bytes += job->live->spec->len;
	if (job->request_id[0])
		job_requests_add(&agent->requests, job);
	return 0;
}

/* Under the lock: the store has answered. Return: the revision to notify, 0: none */
static uint64_t settle(struct agent *agent, struct job *job, int stored)
{
	uint64_t revision = 0;
	job->pending = false;
	if (stored == 0) {
		revision = lifecycle_admit(agent, job);
	} else {
		agent->live_count--;
		agent->live_bytes -= job->live->spec->len;
		if (job->request_id[0])
			job_requests_remove(&agent->requests, job);
	}
	pthread_cond_broadcast(&agent->settled);
	return revision;
}

static int check_same_spec(const struct job *earlier, const struct job *job,
			   struct error *ret_error)
{
	if (earlier->damaged || /* the digest may be what is */
	    memcmp(earlier->spec_digest, job->spec_digest, SHA256_DIGEST_SIZE) == 0)
		return 0;
	return error_set(ret_error, ERROR_CODE_ALREADY_EXISTS,
			 "request_id \"%s\" was used for job %s, with a different spec",
			 job->request_id, earlier->id);
}

/* Under the lock: as it will be shown once it is stored. */
static struct store_job first_row(struct agent *agent, struct job *job)
{
	struct store_job row = row_take(agent, job);
	row.revision = ++agent->revision;
	if (job->live->start_ns > job->create_ns)
		row.state = PAGECAST__V1__JOB_STATE__JOB_STATE_SCHEDULED;
	return row;
}

struct place {
	bool taken;	      /* by an earlier job of the same request_id and spec: */
	struct job_view view; /* the answer; to be given */
	struct store_job row; /* else the row to be stored; to be created */
};

static int find_place(struct agent *agent, struct job *job, struct place *ret_place,
		      struct error *ret_error)
{
	int r;
	agent_lock(agent);
	struct job *earlier = find_earlier(agent, job);
	ret_place->taken = earlier != NULL;
	if (earlier) {
		r = check_same_spec(earlier, job, ret_error);
		if (!r)
			view_take(agent, earlier, true, &ret_place->view);
	} else {
		r = submission_check_start(job->live->start_ns, job->live->start_tolerance_ns,
					   job->create_ns, ret_error);
		if (r)
			error_nest(ret_error, "spec");
		else
			r = reserve(agent, job, ret_error);
		if (!r)
			ret_place->row = first_row(agent, job);
	}
	agent_unlock(agent);
	return r;
}

static int create(struct agent *agent, struct job *job, struct store_job *row,
		  Pagecast__V1__Job **ret_job, struct error *ret_error)
{
	struct job_view view;
	int r = row_create(agent, row, ret_error);
	agent_lock(agent);
	uint64_t revision = settle(agent, job, r);
	if (!r)
		view_take(agent, job, true, &view);
	agent_unlock(agent);
	if (r)
		return r;
	agent_notify(agent, revision);
	return view_give(agent, &view, ret_job, ret_error);
}

static int enqueue(struct agent *agent, struct job *job, Pagecast__V1__Job **ret_job,
		   bool *ret_created, struct error *ret_error)
{
	struct place place;
	for (;;) {
		int r = find_place(agent, job, &place, ret_error);
		if (r)
			return r;
		*ret_created = !place.taken;
		if (!place.taken)
			return create(agent, job, &place.row, ret_job, ret_error);
		r = view_give(agent, &place.view, ret_job, ret_error);
		if (r != ERROR_CODE_NOT_FOUND)
			return r;
		error_deinit(ret_error); /* deleted while its answer was made */
	}
}

static int submit(struct agent *agent, const struct agent_caller *caller,
		  const Pagecast__V1__SubmitJobRequest *request, Pagecast__V1__Job **ret_job,
		  bool *ret_created, struct error *ret_error)
{
	int r = agent_require(caller, AGENT_ROLE_OPERATOR, ret_error);
	if (!r)
		r = check_request_id(request->request_id, ret_error);
	if (!r && !request->spec) {
		error_violate(ret_error, "spec", "missing: the job to be sent");
		r = (int)ret_error->code;
	}
	if (r)
		return r;
	struct submission submission;
	r = submission_check(agent, request->spec, &submission, ret_error);
	if (r) {
		error_nest(ret_error, "spec");
		return r;
	}
	_cleanup_job_ struct job *job = NULL;
	r = make_job(agent, caller, request->request_id, &submission, &job, ret_error);
	submission_deinit(&submission);
	if (r)
		return r;
	return enqueue(agent, job, ret_job, ret_created, ret_error);
}

int agent_submit_job(struct agent *agent, const struct agent_caller *caller,
		     const Pagecast__V1__SubmitJobRequest *request, Pagecast__V1__Job **ret_job,
		     bool *ret_created, struct error *ret_error)
{
	bool created = false;
	int r = submit(agent, caller, request, ret_job, &created, ret_error);
	if (!r && ret_created)
		*ret_created = created;
	return r;
}

int agent_check_spec(const Pagecast__V1__JobSpec *spec, struct error *ret_error)
{
	return plan_compile(spec, NULL, ret_error);
}
