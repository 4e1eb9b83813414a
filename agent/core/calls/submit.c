/*
 * submit: SubmitJob. See agent_private.h.
 *
 * Checked without the lock; a place in the queue and the request_id are taken under it; then the
 * job is stored; then it is shown. Between the last two it is *pending*: whoever comes with the
 * same request_id waits until it is known whether the store took it.
 */
#include "core/agent_private.h"

#include "base/log.h"
#include "base/util.h"
#include "net/link.h"
#include "net/route.h"
#include "policy/check.h"
#include "policy/demand.h"
#include "policy/host.h"

#include <inttypes.h>
#include <string.h>

enum { RETRY_AFTER_S = 1 };

void submission_deinit(struct submission *submission)
{
	submission->plan = plan_free(submission->plan);
	submission->spec = blob_unref(submission->spec);
	submission->basic = blob_unref(submission->basic);
}

uint64_t submission_requested(const struct plan *plan)
{
	uint64_t packets = 0;
	for (size_t i = 0; i < plan->stream_count; i++) {
		const struct plan_limit *limit = &plan->streams[i].limit;
		if (limit->kind == PLAN_LIMIT_PACKETS || limit->kind == PLAN_LIMIT_BYTES)
			packets += limit->packets;
	}
	return packets;
}

void job_set_plan(struct job *job, const struct plan *plan)
{
	struct job_live *live = job->live;
	live->start_ns = plan->start_time_ns;
	live->start_tolerance_ns = plan->start_tolerance_ns;
	live->lease_ns = plan->lease_ns;
	live->facts.account.packets_requested = submission_requested(plan);
	policy_demand(plan, &live->demand);
}

int submission_judge(const struct policy *policy, const struct plan *outline,
		     struct error *ret_error)
{
	struct policy_host host;
	if (policy_host_read(&host) < 0)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE,
				 "the host's addresses could not be read, without which the "
				 "policy cannot judge");
	int r = policy_check(policy, &host, outline, ret_error);
	policy_host_deinit(&host);
	return r;
}

static struct blob *pack_basic(const Pagecast__V1__JobSpec *spec)
{
	Pagecast__V1__JobSpec basic = *spec;
	basic.n_streams = 0;
	basic.streams = NULL;
	return blob_pack(&basic.base);
}

/* Return: whether there is a line to @destination whose speed nobody knows. One that is down, or no
 * way at all, may be another by the time the job starts. */
static bool line_without_speed(const struct plan_destination *destination, struct link *ret_link)
{
	const struct sockaddr *from =
		destination->from.any.sa_family == AF_UNSPEC ? NULL : &destination->from.any;
	struct route route;
	int r;
	if (destination->kind == PLAN_ETHERNET)
		r = link_by_name(destination->interface, ret_link);
	else if (route_get(&destination->to.any, from, destination->interface, &route) < 0)
		return false;
	else
		r = link_by_index(route.ifindex, ret_link);
	return r == 0 && ret_link->up && ret_link->carrier && !ret_link->speed_bps;
}

static int check_line_rates(const struct plan *plan, struct error *ret_error)
{
	struct link link;
	for (size_t i = 0; i < plan->stream_count; i++) {
		char field[PROBLEM_FIELD_MAX];
		if (plan->streams[i].rate.kind != PLAN_RATE_LINE_PERCENT ||
		    !line_without_speed(&plan->streams[i].destination, &link))
			continue;
		snprintf(field, sizeof field, "streams[%zu].rate.linePercent", i);
		error_violate(ret_error, field, "the speed of %s is not known; give pps or bps",
			      link.name);
	}
	return (int)ret_error->code;
}

static int check_all(struct agent *agent, const Pagecast__V1__JobSpec *spec,
		     struct submission *submission, struct error *ret_error)
{
	struct engine_choice choice;
	int r = plan_outline(spec, &submission->plan, ret_error);
	if (r)
		return r;
	struct policy *policy = agent_policy(agent);
	r = submission_judge(policy, submission->plan, ret_error);
	policy_unref(policy);
	if (!r)
		r = check_line_rates(submission->plan, ret_error);
	if (!r)
		r = engine_choose(submission->plan, NULL, 0, &choice, ret_error);
	if (r)
		return r;
	submission->spec = blob_pack(&spec->base);
	submission->basic = pack_basic(spec);
	if (!submission->spec || !submission->basic)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	return 0;
}

int submission_check(struct agent *agent, const Pagecast__V1__JobSpec *spec,
		     struct submission *ret_submission, struct error *ret_error)
{
	struct submission submission = {0};
	int r = check_all(agent, spec, &submission, ret_error);
	if (r) {
		submission_deinit(&submission);
		return r;
	}
	*ret_submission = submission;
	return 0;
}

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
	if (agent->live_count - sending >= queued_max)
		r = error_set(ret_error, ERROR_CODE_RESOURCE_EXHAUSTED,
			      "the queue is full: %u jobs wait (the policy's maxJobsQueued)",
			      queued_max);
	else if (agent->live_bytes + job->live->spec->len > AGENT_LIVE_BYTES_MAX)
		r = error_set(ret_error, ERROR_CODE_RESOURCE_EXHAUSTED,
			      "the queue is full: its specs are %" PRIu64
			      " bytes long together, of %" PRIu64,
			      agent->live_bytes, AGENT_LIVE_BYTES_MAX);
	if (r) {
		ret_error->retry_after_s = RETRY_AFTER_S;
		return r;
	}
	if (job_index_reserve(&agent->jobs, agent->live_count + agent->finished_count + 1) < 0 ||
	    job_queue_reserve(&agent->queue, agent->live_count + 1) < 0 ||
	    deadlines_reserve(&agent->starts, agent->live_count + 1) < 0 ||
	    deadlines_reserve(&agent->leases, agent->live_count + 1) < 0)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	return 0;
}

/* Under the lock: who had this request_id before? One that is being created or removed is waited
 * for. Borrowed; NULL */
static struct job *find_earlier(struct agent *agent, const struct job *job)
{
	struct job *earlier = NULL;
	while (job->request_id[0] &&
	       (earlier = job_requests_find(&agent->requests, job->owner, job->request_id)) &&
	       (earlier->pending || earlier->deleting))
		pthread_cond_wait(&agent->settled, &agent->lock);
	return earlier;
}

/* Under the lock: a name, a place in the queue, the request_id. */
static int reserve(struct agent *agent, struct job *job, struct error *ret_error)
{
	if (agent->stopping)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "the agent is stopping");
	int r = check_room(agent, job, ret_error);
	if (r)
		return r;
	if (job_id_next(&agent->ids, job->create_ns, job->id) < 0)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE,
				 "the system has no random numbers yet");
	job->pending = true;
	agent->live_count++;
	agent->live_bytes += job->live->spec->len;
	if (job->request_id[0])
		job_requests_add(&agent->requests, job);
	return 0;
}

/* Under the lock: the store has answered. Return: the revision to tell, 0: none */
static uint64_t settle(struct agent *agent, struct job *job, int stored)
{
	uint64_t revision = 0;
	job->pending = false;
	if (stored == 0) {
		revision = job_admit(agent, job);
	} else {
		agent->live_count--;
		agent->live_bytes -= job->live->spec->len;
		if (job->request_id[0])
			job_requests_remove(&agent->requests, job);
	}
	pthread_cond_broadcast(&agent->settled);
	return revision;
}

/* With the lock, which it releases: the first job of this request_id, if the specs are the same. */
static int answer_earlier(struct agent *agent, struct job *earlier, const struct job *job,
			  Pagecast__V1__Job **ret_job, struct error *ret_error)
{
	if (memcmp(earlier->spec_digest, job->spec_digest, SHA256_DIGEST_SIZE) == 0)
		return view_job(agent, earlier, ret_job, ret_error);
	error_set(ret_error, ERROR_CODE_ALREADY_EXISTS,
		  "request_id \"%s\" was used for job %s, whose spec was another one",
		  job->request_id, earlier->id);
	agent_unlock(agent);
	return (int)ret_error->code;
}

/* With the lock, which it releases. */
static int create(struct agent *agent, struct job *job, Pagecast__V1__Job **ret_job,
		  bool *ret_created, struct error *ret_error)
{
	int r = reserve(agent, job, ret_error);
	if (r) {
		agent_unlock(agent);
		return r;
	}
	struct store_job row = job_row(agent, job);
	row.revision = ++agent->revision;
	if (job->live->start_ns > job->create_ns)
		row.state = PAGECAST__V1__JOB_STATE__JOB_STATE_SCHEDULED;
	agent_unlock(agent);
	r = agent->store->ops->create(agent->store, &row,
				      ret_error); /* nobody else has its blobs */
	agent_lock(agent);
	uint64_t revision = settle(agent, job, r);
	if (r) {
		agent_unlock(agent);
		return r;
	}
	*ret_created = true;
	r = view_job(agent, job, ret_job, ret_error);
	agent_notify(agent, revision);
	return r;
}

static int enqueue(struct agent *agent, struct job *job, Pagecast__V1__Job **ret_job,
		   bool *ret_created, struct error *ret_error)
{
	struct job *earlier;
	agent_lock(agent);
	while ((earlier = find_earlier(agent, job))) {
		*ret_created = false;
		int r = answer_earlier(agent, earlier, job, ret_job, ret_error);
		if (r != ERROR_CODE_NOT_FOUND)
			return r;
		error_deinit(ret_error); /* removed while its answer was made: it is no more */
		agent_lock(agent);
	}
	return create(agent, job, ret_job, ret_created, ret_error);
}

static int submit(struct agent *agent, const struct agent_caller *caller,
		  const Pagecast__V1__SubmitJobRequest *request, Pagecast__V1__Job **ret_job,
		  bool *ret_created, struct error *ret_error)
{
	int r = agent_require(caller, AGENT_ROLE_OPERATOR, ret_error);
	if (!r)
		r = check_request_id(request->request_id, ret_error);
	if (!r && !request->spec) {
		error_violate(ret_error, "spec", "missing: what is to be sent");
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
