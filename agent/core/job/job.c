/* job: see job.h. */
#include "core/job/job.h"

#include "base/util.h"
#include "store/job_state.h"

#include <errno.h>
#include <string.h>

struct job *job_new(const char *owner, const char *request_id)
{
	struct job *job = calloc(1, sizeof *job);
	if (!job)
		return NULL;
	atomic_init(&job->references, 1);
	job->state = PAGECAST__V1__JOB_STATE__JOB_STATE_QUEUED;
	job->owner = strdup(owner);
	job->request_id = strdup(request_id);
	job->live = calloc(1, sizeof *job->live);
	if (!job->owner || !job->request_id || !job->live)
		return job_unref(job);
	job->live->job = job;
	job->live->start_tolerance_ns = -1;
	job->live->worker = SIZE_MAX;
	return job;
}

struct job *job_ref(struct job *job)
{
	atomic_fetch_add_explicit(&job->references, 1, memory_order_relaxed);
	return job;
}

struct job *job_unref(struct job *job)
{
	if (!job || atomic_fetch_sub_explicit(&job->references, 1, memory_order_acq_rel) != 1)
		return NULL;
	job_end_live(job);
	blob_unref(job->basic);
	free(job->labels);
	free(job->owner);
	free(job->request_id);
	free(job);
	return NULL;
}

void job_end_live(struct job *job)
{
	if (!job->live)
		return;
	blob_unref(job->live->spec);
	blob_unref(job->live->record);
	blob_unref(job->live->cancel);
	free(job->live->streams);
	free(job->live->earlier.streams);
	blob_unref(job->live->earlier.exact);
	free(job->live);
	job->live = NULL;
}

void job_set_streams(struct job *job, struct sender_progress *streams, size_t count)
{
	free(job->live->streams);
	job->live->streams = streams;
	job->live->stream_count = count;
}

static char *flat_labels(const Pagecast__V1__JobSpec *basic, size_t *ret_bytes)
{
	size_t bytes = 0;
	for (size_t i = 0; i < basic->n_labels; i++)
		bytes += strlen(basic->labels[i]->key) + strlen(basic->labels[i]->value) + 2;
	char *flat = malloc(bytes + 1), *at = flat;
	if (!flat)
		return NULL;
	for (size_t i = 0; i < basic->n_labels; i++) {
		at = stpcpy(at, basic->labels[i]->key) + 1;
		at = stpcpy(at, basic->labels[i]->value) + 1;
	}
	*ret_bytes = bytes;
	return flat;
}

int job_set_basic(struct job *job, struct blob *basic)
{
	Pagecast__V1__JobSpec *spec = pagecast__v1__job_spec__unpack(NULL, basic->len, basic->data);
	if (!spec)
		return -EBADMSG;
	char *labels = NULL;
	size_t bytes = 0;
	if (spec->n_labels) {
		labels = flat_labels(spec, &bytes);
		if (!labels) {
			pagecast__v1__job_spec__free_unpacked(spec, NULL);
			return -ENOMEM;
		}
	}
	free(job->labels);
	job->labels = labels;
	job->labels_bytes = bytes;
	job->priority = spec->priority;
	job->resumes = spec->restart_policy == PAGECAST__V1__RESTART_POLICY__RESTART_POLICY_RESUME;
	struct blob *old = job->basic;
	job->basic = blob_ref(basic);
	blob_unref(old);
	pagecast__v1__job_spec__free_unpacked(spec, NULL);
	return 0;
}

static bool has_label(const struct job *job, const Pagecast__V1__Label *label)
{
	for (const char *key = job->labels; key && key < job->labels + job->labels_bytes;) {
		const char *value = key + strlen(key) + 1;
		if (strcmp(key, label->key) == 0 && strcmp(value, label->value) == 0)
			return true;
		key = value + strlen(value) + 1;
	}
	return false;
}

bool job_has_labels(const struct job *job, Pagecast__V1__Label *const *labels, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!has_label(job, labels[i]))
			return false;
	return true;
}

/* Streams without a number of packets add none. */
static uint64_t requested_packets(const struct plan *plan)
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
	live->hold = plan->hold;
	live->hold_timeout_ns = plan->hold_timeout_ns;
	live->lease_ns = plan->lease_ns;
	live->facts.account.packets_requested = requested_packets(plan);
	policy_demand(plan, &live->demand);
}

int job_refuse(const struct job *job, const char *only, struct error *ret_error)
{
	return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION, "job %s is %s; only %s",
			 job->id, job_state_name(job->state), only);
}
