/*
 * watch: what has changed since a revision: the source of every live stream. See agent_private.h.
 *
 * Nothing is recorded for watchers but what no job can tell any more: deletions, the last
 * WATCH_DELETIONS_MAX of them. Everything else is read from the jobs as they are: a watcher that
 * was away sees each changed job once, in its latest state, in the order of the changes.
 * `agent->watch_floor` is the revision up to which deletions are forgotten: who knows less than
 * that has to start anew.
 */
#include "core/agent_private.h"

#include "base/util.h"

#include <inttypes.h>
#include <string.h>

/* The list of the finished is in the order of their ends; revisions may be a few workers' places
 * off. */
enum { OUT_OF_ORDER_MAX = AGENT_WORKERS_MAX };

struct candidate {
	uint64_t revision;
	struct job *job; /* borrowed, under the lock; NULL: deleted */
	const struct watch_deletion *deletion;
};

struct candidates { /* those with the lowest revisions, sorted */
	struct candidate list[AGENT_WATCH_CHANGES_MAX];
	size_t count;
	bool more; /* some were left out */
};

void watch_note_deletion(struct agent *agent, const struct job *job, uint64_t revision)
{
	struct watch_deletion *deletion =
		&agent->deletions[agent->deletion_count++ % WATCH_DELETIONS_MAX];
	if (deletion->revision)
		agent->watch_floor = deletion->revision;
	strcpy(deletion->id, job->id);
	deletion->revision = revision;
}

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
	for (size_t i = 0; i < WATCH_DELETIONS_MAX; i++) {
		const struct watch_deletion *deletion = &agent->deletions[i];
		if (deletion->revision > after)
			add(candidates, (struct candidate){.revision = deletion->revision,
							   .deletion = deletion});
	}
}

/* (L) A watcher that begins from nothing sees what is not over, then every change. */
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

static const struct watch_deletion *find_deletion(const struct agent *agent, const char *id)
{
	for (size_t i = 0; i < WATCH_DELETIONS_MAX; i++)
		if (agent->deletions[i].revision && strcmp(agent->deletions[i].id, id) == 0)
			return &agent->deletions[i];
	return NULL;
}

/* (L) Return: 0; NOT_FOUND */
static int collect_one(struct agent *agent, struct agent_watch *watch,
		       struct candidates *candidates, struct error *ret_error)
{
	const struct watch_deletion *deletion = find_deletion(agent, watch->job_id);
	if (deletion && watch->begun) {
		add(candidates,
		    (struct candidate){.revision = deletion->revision, .deletion = deletion});
		watch->over = true;
		return 0;
	}
	struct job *job = job_find(agent, watch->job_id, ret_error);
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
				 "revision %" PRIu64 " is not of this agent, which is at %" PRIu64
				 "; start without one",
				 watch->cursor, agent->revision);
	if (!watch->job_id && watch->cursor && watch->cursor < agent->watch_floor)
		return error_set(ret_error, ERROR_CODE_OUT_OF_RANGE,
				 "what changed after revision %" PRIu64
				 " is not remembered back to there, "
				 "only to %" PRIu64 "; start without a revision",
				 watch->cursor, agent->watch_floor);
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
static void tell_changes(const struct candidates *candidates, struct agent_change *changes)
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
		tell_changes(&candidates, ret_changes);
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
	agent_lock(agent);
	struct job *job = job_find(agent, change->id, ret_error);
	if (!job) {
		agent_unlock(agent);
		return (int)ret_error->code;
	}
	struct job_view view;
	view_take(agent, job, full, &view);
	agent_unlock(agent);
	int r = view_message(agent, &view, ret_job, ret_error);
	view_release(&view);
	return r;
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

uint64_t agent_revision(struct agent *agent)
{
	agent_lock(agent);
	uint64_t revision = agent->revision;
	agent_unlock(agent);
	return revision;
}
