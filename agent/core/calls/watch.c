/*
 * watch: what has changed since a revision: the source of every live stream. See pagecast/agent.h.
 *
 * Only deletions are recorded for watchers (deletions.h). Everything else is read from the jobs as
 * they are: a watcher that was away sees each changed job once, in its latest state, in the order
 * of the changes.
 */
#include "base/util.h"
#include "core/job/record.h"
#include "core/state/agent.h"
#include "core/state/view.h"
#include "store/job_state.h"

#include <inttypes.h>
#include <string.h>

/* The list of the finished is in the order of their ends; revisions may be a few workers' places
 * off. */
enum { OUT_OF_ORDER_MAX = AGENT_WORKERS_MAX };

struct candidate {
	uint64_t revision;
	struct job *job; /* borrowed, under the lock; NULL: deleted */
	const struct deletion *deletion;
};

struct candidates { /* those with the lowest revisions, sorted */
	struct candidate list[AGENT_WATCH_CHANGES_MAX];
	size_t count;
	bool more; /* some were left out */
};

static void add(struct candidates *candidates, struct candidate candidate)
{
	size_t at = candidates->count;
	while (at && candidates->list[at - 1].revision > candidate.revision)
		at--;
	if (candidates->count == AGENT_WATCH_CHANGES_MAX) {
		candidates->more = true;
		if (at == AGENT_WATCH_CHANGES_MAX)
			return;
		candidates->count--;
	}
	memmove(&candidates->list[at + 1], &candidates->list[at],
		(candidates->count - at) * sizeof candidates->list[0]);
	candidates->list[at] = candidate;
	candidates->count++;
}

static bool wanted(const struct agent_watch *watch, const struct job *job)
{
	if (job->pending || job->deleting)
		return false;
	if (watch->states && !(watch->states >> job->state & 1))
		return false;
	return job_has_labels(job, watch->labels, watch->label_count);
}

static void add_job(struct candidates *candidates, const struct agent_watch *watch, struct job *job)
{
	if (job->revision > watch->cursor && wanted(watch, job))
		add(candidates, (struct candidate){.revision = job->revision, .job = job});
}

static void add_deletions(struct agent *agent, struct candidates *candidates, uint64_t after)
{
	for (size_t i = 0; i < DELETIONS_MAX; i++) {
		const struct deletion *deletion = &agent->deletions.ring[i];
		if (deletion->revision > after)
			add(candidates, (struct candidate){.revision = deletion->revision,
							   .deletion = deletion});
	}
}

/* (L) A watcher that begins from nothing sees what has not ended, then every change. */
static void collect_all(struct agent *agent, const struct agent_watch *watch,
			struct candidates *candidates)
{
	struct job *job;
	size_t older = 0;
	TAILQ_FOREACH(job, &agent->live, live_link)
	add_job(candidates, watch, job);
	if (!watch->cursor)
		return;
	TAILQ_FOREACH_REVERSE(job, &agent->finished, job_list, finished_link)
	{
		older = job->revision > watch->cursor ? 0 : older + 1;
		if (older > OUT_OF_ORDER_MAX)
			break;
		add_job(candidates, watch, job);
	}
	add_deletions(agent, candidates, watch->cursor);
}

/* (L) Return: 0; NOT_FOUND */
static int collect_one(struct agent *agent, struct agent_watch *watch,
		       struct candidates *candidates, struct error *ret_error)
{
	const struct deletion *deletion = deletions_find(&agent->deletions, watch->job_id);
	if (deletion && watch->begun) {
		add(candidates,
		    (struct candidate){.revision = deletion->revision, .deletion = deletion});
		watch->over = true;
		return 0;
	}
	struct job *job = agent_find_job(agent, watch->job_id, ret_error);
	if (!job)
		return (int)ret_error->code;
	add_job(candidates, watch, job);
	watch->over = job_state_ended(job->state);
	return 0;
}

static int check_cursor(const struct agent *agent, const struct agent_watch *watch,
			struct error *ret_error)
{
	if (!watch->begun && watch->cursor > agent->revision)
		return error_set(ret_error, ERROR_CODE_OUT_OF_RANGE,
				 "revision %" PRIu64 " is newer than the agent's latest, %" PRIu64
				 "; start without a revision",
				 watch->cursor, agent->revision);
	if (!watch->job_id && watch->cursor && watch->cursor < agent->deletions.floor)
		return error_set(ret_error, ERROR_CODE_OUT_OF_RANGE,
				 "revision %" PRIu64 " is too old; history starts at %" PRIu64
				 "; start without a revision",
				 watch->cursor, agent->deletions.floor);
	return 0;
}

static Google__Protobuf__Timestamp *now_timestamp(const struct agent *agent)
{
	Google__Protobuf__Timestamp *timestamp = malloc(sizeof *timestamp);
	if (!timestamp)
		return NULL;
	record_time(timestamp, clock_realtime_ns(agent->clock));
	return timestamp;
}

static Pagecast__V1__Job *deleted_job(const struct agent_change *change)
{
	Pagecast__V1__Job *job = malloc(sizeof *job);
	char *id = strdup(change->id);
	if (!job || !id) {
		free(job);
		free(id);
		return NULL;
	}
	pagecast__v1__job__init(job);
	job->id = id;
	job->revision = change->revision;
	return job;
}

/* (L) */
static void fill_changes(const struct candidates *candidates, struct agent_change *changes)
{
	for (size_t i = 0; i < candidates->count; i++) {
		const struct candidate *from = &candidates->list[i];
		changes[i] =
			(struct agent_change){.revision = from->revision, .deleted = !from->job};
		strcpy(changes[i].id, from->job ? from->job->id : from->deletion->id);
	}
}

int agent_watch_next(struct agent *agent, const struct agent_caller *caller,
		     struct agent_watch *watch,
		     struct agent_change ret_changes[static AGENT_WATCH_CHANGES_MAX],
		     size_t *ret_count, struct error *ret_error)
{
	struct candidates candidates = {.count = 0};
	*ret_count = 0;
	int r = agent_require(caller, AGENT_ROLE_VIEWER, ret_error);
	if (r)
		return r;
	agent_lock(agent);
	r = check_cursor(agent, watch, ret_error);
	if (!r && watch->job_id)
		r = collect_one(agent, watch, &candidates, ret_error);
	else if (!r)
		collect_all(agent, watch, &candidates);
	if (!r) {
		fill_changes(&candidates, ret_changes);
		*ret_count = candidates.count;
		watch->cursor = candidates.more ? candidates.list[candidates.count - 1].revision
						: agent->revision;
		watch->begun = true;
	}
	agent_unlock(agent);
	return r;
}

static int event_job(struct agent *agent, const struct agent_change *change, bool full,
		     Pagecast__V1__Job **ret_job, struct error *ret_error)
{
	if (change->deleted) {
		*ret_job = deleted_job(change);
		return *ret_job ? 0 : error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	}
	struct job_view view;
	agent_lock(agent);
	struct job *job = agent_find_job(agent, change->id, ret_error);
	if (job)
		view_take(agent, job, full, &view);
	agent_unlock(agent);
	return job ? view_give(agent, &view, ret_job, ret_error) : (int)ret_error->code;
}

int agent_watch_event(struct agent *agent, const struct agent_change *change, bool full,
		      Pagecast__V1__JobEvent **ret_event, struct error *ret_error)
{
	Pagecast__V1__JobEvent *event = malloc(sizeof *event);
	if (!event)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	pagecast__v1__job_event__init(event);
	event->deleted = change->deleted;
	event->time = now_timestamp(agent);
	int r = event_job(agent, change, full, &event->job, ret_error);
	if (!r && event->time) {
		*ret_event = event;
		return 0;
	}
	pagecast__v1__job_event__free_unpacked(event, NULL);
	return r ? r : error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
}
