/* view: see view.h. */
#include "core/state/view.h"

#include "base/log.h"
#include "base/problem.h"
#include "base/util.h"
#include "core/job/record.h"
#include "core/state/history.h"
#include "core/state/hold.h"

#include <errno.h>
#include <string.h>

enum { SPEC_FIELD_TAG = 2 << 3 | 2, VARINT_MAX = 10 };

/* What a job without a sender waits for. */
static const char *waiting_for(const struct agent *agent, const struct job *job)
{
	bool scheduled = job->state == PAGECAST__V1__JOB_STATE__JOB_STATE_SCHEDULED;
	if (scheduled && job->live->ready && job->live->hold)
		return "release (resume it, or give it a start_time)";
	if (scheduled && !job->live->hold)
		return job->live->start_ns ? "start_time" : "its worker to start it";
	if (!scheduled && job->state != PAGECAST__V1__JOB_STATE__JOB_STATE_QUEUED)
		return NULL;
	if (job->live->worker != SIZE_MAX)
		return "preparing pages and sockets";
	if (agent->store_down)
		return "store not writable";
	if (job->live->hold && !hold_has_place(agent))
		return "a worker for a held job: held jobs may occupy all workers but one";
	return agent->short_of_share ? "a share of the policy's maxTotalPps and maxTotalBpsL2"
				     : "a free worker";
}

/* Under the lock. Without memory they are left out. */
static void take_streams(const struct job_live *live, struct job_view *view)
{
	view->streams = calloc(live->stream_count, sizeof *view->streams);
	if (!view->streams)
		return;
	view->stream_count = live->stream_count;
	memcpy(view->streams, live->streams, live->stream_count * sizeof *view->streams);
	for (size_t i = 0; i < view->stream_count; i++)
		view->streams[i].name = NULL; /* the spec's; the sender may end meanwhile */
}

void view_take(struct agent *agent, struct job *job, bool full, struct job_view *ret_view)
{
	AGENT_ASSERT_LOCKED(agent);
	*ret_view = (struct job_view){
		.job = job_ref(job),
		.state = job->state,
		.revision = job->revision,
		.basic = blob_ref(job->basic),
		.in_store = !job->live && !job->damaged,
		.damaged = job->damaged,
		.full = full,
	};
	if (!job->live)
		return;
	ret_view->unsaved = job->live->unsaved;
	ret_view->record = blob_ref(job->live->record);
	if (full)
		ret_view->spec = blob_ref(job->live->spec);
	if (full && job->live->sender && !job->resumes) /* of what resumes they are in the record */
		take_streams(job->live, ret_view);
	if (job->state == PAGECAST__V1__JOB_STATE__JOB_STATE_QUEUED)
		ret_view->queue_position = job_queue_position(&agent->queue, job);
	ret_view->waiting_for = waiting_for(agent, job);
	ret_view->ready = job->live->ready;
}

void view_release(struct job_view *view)
{
	view->job = job_unref(view->job);
	view->basic = blob_unref(view->basic);
	view->spec = blob_unref(view->spec);
	view->record = blob_unref(view->record);
	free(view->streams);
	view->streams = NULL;
}

static size_t put_varint(uint8_t *to, uint64_t value)
{
	size_t len = 0;
	for (; value >= 0x80; value >>= 7)
		to[len++] = (uint8_t)(value | 0x80);
	to[len++] = (uint8_t)value;
	return len;
}

/* An end that a restart would undo is shown as such. */
static const char NOT_STORED[] =
	"the store could not take the end of this job yet: storing it is tried "
	"again; if the agent ends before, the job is there again as it was "
	"stored last";

static const char DAMAGED[] =
	"the stored row of this job is damaged: it says neither what the job was nor how far it "
	"had come; it is not run, its row is left as it was found, and deleting the job removes it";

static struct blob *pack_moment(const struct job_view *view)
{
	Pagecast__V1__Problem problem = PAGECAST__V1__PROBLEM__INIT, *problems[] = {&problem};
	Pagecast__V1__Job moment = PAGECAST__V1__JOB__INIT;
	Pagecast__V1__Progress progress = PAGECAST__V1__PROGRESS__INIT;
	Google__Protobuf__Timestamp created;
	moment.id = view->job->id;
	moment.owner = view->job->owner;
	moment.request_id = view->job->request_id;
	moment.state = view->state;
	moment.revision = view->revision;
	moment.queue_position = (uint32_t)view->queue_position;
	moment.create_time = record_time(&created, view->job->create_ns);
	if (view->unsaved || view->damaged) {
		problem.code = (char *)problem_code_name(view->damaged ? PROBLEM_DAMAGED
								       : PROBLEM_NOT_STORED);
		problem.severity = PAGECAST__V1__SEVERITY__SEVERITY_ERROR;
		problem.message = (char *)(view->damaged ? DAMAGED : NOT_STORED);
		problem.count = 1;
		moment.problems = problems;
		moment.n_problems = 1;
	}
	if (view->waiting_for) {
		progress.waiting_for = (char *)view->waiting_for;
		progress.ready = view->ready;
		moment.progress = &progress;
	}
	return blob_pack(&moment.base);
}

static Pagecast__V1__Job *join(const struct blob *moment, const struct blob *record,
			       const struct blob *streams, const struct blob *spec)
{
	_cleanup_free_ uint8_t *joined =
		malloc(moment->len + record->len + streams->len + spec->len + 1 + VARINT_MAX);
	if (!joined)
		return NULL;
	size_t len = 0;
	memcpy(joined, moment->data, moment->len);
	len += moment->len;
	memcpy(joined + len, record->data, record->len);
	len += record->len;
	memcpy(joined + len, streams->data, streams->len);
	len += streams->len;
	joined[len++] = SPEC_FIELD_TAG;
	len += put_varint(joined + len, spec->len);
	memcpy(joined + len, spec->data, spec->len);
	len += spec->len;
	return pagecast__v1__job__unpack(NULL, len, joined);
}

/* Results that a running job's view brought, after its spec. Return: 0; -ENOMEM */
static int name_streams(Pagecast__V1__Job *job)
{
	for (size_t i = 0; i < job->n_stream_results && i < job->spec->n_streams; i++) {
		const char *name = job->spec->streams[i]->name;
		if (name[0] && !(job->stream_results[i]->name = strdup(name))) {
			job->stream_results[i]->name = (char *)protobuf_c_empty_string;
			return -ENOMEM;
		}
	}
	return 0;
}

static void note_damaged(struct agent *agent, struct job_view *view)
{
	agent_lock(agent);
	bool news = !view->job->damaged;
	history_note_damaged(agent, view->job);
	agent_unlock(agent);
	view->damaged = true;
	view->state = PAGECAST__V1__JOB_STATE__JOB_STATE_FAILED;
	if (news)
		log_event(LOG_LEVEL_ERROR, "job_damaged", "job", view->job->id, "next",
			  "it is shown as FAILED with the problem damaged; deleting it removes its "
			  "row",
			  NULL);
}

static int damaged_message(struct job_view *view, Pagecast__V1__Job **ret_job,
			   struct error *ret_error)
{
	_cleanup_blob_ struct blob *moment = pack_moment(view);
	*ret_job = moment ? pagecast__v1__job__unpack(NULL, moment->len, moment->data) : NULL;
	if (!*ret_job)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE,
				 "out of memory while reading job %s", view->job->id);
	view->message_bytes = moment->len;
	return 0;
}

int view_message(struct agent *agent, struct job_view *view, Pagecast__V1__Job **ret_job,
		 struct error *ret_error)
{
	struct store_read read = {blob_ref(view->spec), blob_ref(view->record)};
	if (view->in_store) {
		int r = agent->store->ops->read(agent->store, view->job->id, view->full, &read,
						ret_error);
		if (r == ERROR_CODE_DATA_LOSS) {
			error_deinit(ret_error);
			note_damaged(agent, view);
		} else if (r) {
			return r;
		}
	}
	if (view->damaged)
		return damaged_message(view, ret_job, ret_error);
	_cleanup_blob_ struct blob *spec = read.spec, *record = read.record;
	_cleanup_blob_ struct blob *moment = pack_moment(view);
	_cleanup_blob_ struct blob *streams = record_streams(view->streams, view->stream_count);
	const struct blob *shown = view->full ? spec : view->basic;
	Pagecast__V1__Job *job = NULL;
	if (moment && record && streams && shown)
		job = join(moment, record, streams, shown);
	if (job && view->stream_count && name_streams(job) < 0) {
		pagecast__v1__job__free_unpacked(job, NULL);
		job = NULL;
	}
	if (!job)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE,
				 "out of memory while reading job %s", view->job->id);
	view->message_bytes = moment->len + record->len + streams->len + shown->len;
	*ret_job = job;
	return 0;
}

int view_give(struct agent *agent, struct job_view *view, Pagecast__V1__Job **ret_job,
	      struct error *ret_error)
{
	int r = view_message(agent, view, ret_job, ret_error);
	view_release(view);
	return r;
}

int view_job(struct agent *agent, struct job *job, Pagecast__V1__Job **ret_job,
	     struct error *ret_error)
{
	struct job_view view;
	agent_lock(agent);
	view_take(agent, job, true, &view);
	agent_unlock(agent);
	return view_give(agent, &view, ret_job, ret_error);
}
