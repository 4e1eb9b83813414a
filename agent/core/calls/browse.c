/*
 * browse: GetJob and ListJobs. See pagecast/agent.h.
 *
 * A list is collected in steps, the lock released between them, so that no filter over a long
 * history holds anyone up: a list is what was true while it was made, not at one instant.
 */
#include "base/util.h"
#include "core/calls/page_token.h"
#include "core/state/agent.h"
#include "core/state/view.h"
#include "packet/plan.h"
#include "store/job_state.h"

#include <nettle/sha2.h>
#include <string.h>

enum {
	PAGE_SIZE_DEFAULT = 50,
	PAGE_SIZE_MAX = 1000,
	STATES_MAX = AGENT_JOB_STATES * 2, /* in a filter; each is worth naming once */
	STEP_JOBS = 2000,		   /* looked at under the lock at a time */
	PAGE_BYTES_MAX = 16 << 20, /* of specs and results; the job that reaches it is the last */
};

struct query {
	const Pagecast__V1__ListJobsRequest *request;
	uint32_t wanted_states; /* a bit a state; 0: all */
	bool full;
	size_t page_size;
	char after[JOB_ID_LEN + 1]; /* jobs older than this; empty: from the newest */
	uint64_t digest;
};

struct page {
	struct job_view *views; /* [count], owned */
	size_t count;
	bool more;
	size_t total;
};

int agent_get_job(struct agent *agent, const struct agent_caller *caller,
		  const Pagecast__V1__GetJobRequest *request, Pagecast__V1__Job **ret_job,
		  struct error *ret_error)
{
	int r = agent_require(caller, AGENT_ROLE_VIEWER, ret_error);
	if (r)
		return r;
	struct job_view view;
	bool full = request->view != PAGECAST__V1__JOB_VIEW__JOB_VIEW_BASIC;
	agent_lock(agent);
	struct job *job = agent_find_job(agent, request->id, ret_error);
	if (job)
		view_take(agent, job, full, &view);
	agent_unlock(agent);
	return job ? view_give(agent, &view, ret_job, ret_error) : (int)ret_error->code;
}

int agent_job_position(struct agent *agent, const struct agent_caller *caller, const char *id,
		       struct agent_job_position *ret_position, struct error *ret_error)
{
	int r = agent_require(caller, AGENT_ROLE_VIEWER, ret_error);
	if (r)
		return r;
	agent_lock(agent);
	const struct job *job = agent_find_job(agent, id, ret_error);
	if (job)
		*ret_position = (struct agent_job_position){
			.revision = job->revision,
			.ended = job_state_ended(job->state),
		};
	agent_unlock(agent);
	return job ? 0 : (int)ret_error->code;
}

/* What a page token must belong to: the filters and the view. */
static uint64_t digest_of(const Pagecast__V1__ListJobsRequest *request, uint32_t wanted_states,
			  bool full)
{
	struct sha256_ctx sha256;
	uint8_t digest[SHA256_DIGEST_SIZE];
	uint64_t start;
	sha256_init(&sha256);
	sha256_update(&sha256, sizeof wanted_states, (const uint8_t *)&wanted_states);
	sha256_update(&sha256, sizeof full, (const uint8_t *)&full);
	for (size_t i = 0; i < request->n_labels; i++) {
		sha256_update(&sha256, strlen(request->labels[i]->key) + 1,
			      (const uint8_t *)request->labels[i]->key);
		sha256_update(&sha256, strlen(request->labels[i]->value) + 1,
			      (const uint8_t *)request->labels[i]->value);
	}
	sha256_digest(&sha256, sizeof digest, digest);
	memcpy(&start, digest, sizeof start);
	return start;
}

static void check_filters(const Pagecast__V1__ListJobsRequest *request, struct query *query,
			  struct error *error)
{
	char path[48];
	if (request->n_states > STATES_MAX)
		error_violate(error, "states", "too many states: %zu of at most %d",
			      request->n_states, STATES_MAX);
	if (request->n_labels > PLAN_LABELS_MAX)
		error_violate(error, "labels", "too many labels: %zu of at most %d",
			      request->n_labels, PLAN_LABELS_MAX);
	if (error->code)
		return;
	for (size_t i = 0; i < request->n_states; i++) {
		int state = (int)request->states[i];
		snprintf(path, sizeof path, "states[%zu]", i);
		if (state > 0 && state < AGENT_JOB_STATES)
			query->wanted_states |= 1U << state;
		else
			error_violate(error, path, "%d is not a state of a job", state);
	}
	for (size_t i = 0; i < request->n_labels; i++) {
		snprintf(path, sizeof path, "labels[%zu].key", i);
		if (!request->labels[i]->key[0])
			error_violate(error, path, "missing: labels are key=value");
	}
}

static int read_query(const Pagecast__V1__ListJobsRequest *request, struct query *ret_query,
		      struct error *ret_error)
{
	struct query query = {.request = request};
	query.full = request->view == PAGECAST__V1__JOB_VIEW__JOB_VIEW_FULL;
	query.page_size = request->page_size ? request->page_size : PAGE_SIZE_DEFAULT;
	if (query.page_size > PAGE_SIZE_MAX)
		error_violate(ret_error, "pageSize", "%u is not between 1 and %d",
			      request->page_size, PAGE_SIZE_MAX);
	check_filters(request, &query, ret_error);
	query.digest = digest_of(request, query.wanted_states, query.full);
	if (request->page_token[0])
		page_token_read(request->page_token, query.digest, query.after, ret_error);
	if (ret_error->code)
		return (int)ret_error->code;
	*ret_query = query;
	return 0;
}

static bool matches(const struct query *query, const struct job *job)
{
	if (job->deleting)
		return false;
	if (query->wanted_states && !(query->wanted_states >> job->state & 1))
		return false;
	return job_has_labels(job, query->request->labels, query->request->n_labels);
}

/* Under the lock: up to STEP_JOBS jobs older than @from, newest first. Return: false at the end */
static bool collect_step(struct agent *agent, const struct query *query, struct page *page,
			 char from[static JOB_ID_LEN + 1])
{
	size_t position = from[0] ? job_index_below(&agent->jobs, from) : agent->jobs.count;
	for (int steps = 0; position > 0; steps++) {
		struct job *job = job_index_at(&agent->jobs, --position);
		if (steps == STEP_JOBS)
			return true;
		memcpy(from, job->id, JOB_ID_LEN + 1);
		if (!matches(query, job))
			continue;
		if (page->count == query->page_size) {
			page->more = true;
			return false;
		}
		struct job_view view;
		view_take(agent, job, query->full, &view);
		page->views[page->count++] = view;
	}
	return false;
}

static bool count_step(struct agent *agent, const struct query *query, size_t *total,
		       char from[static JOB_ID_LEN + 1])
{
	size_t position = from[0] ? job_index_below(&agent->jobs, from) : agent->jobs.count;
	for (int steps = 0; position > 0; steps++) {
		struct job *job = job_index_at(&agent->jobs, --position);
		if (steps == STEP_JOBS)
			return true;
		memcpy(from, job->id, JOB_ID_LEN + 1);
		*total += matches(query, job);
	}
	return false;
}

/* How many match in all: known by state; labels have to be looked at. */
static size_t count_matches(struct agent *agent, const struct query *query)
{
	size_t total = 0;
	bool again = true;
	if (query->request->n_labels) {
		char from[JOB_ID_LEN + 1] = "";
		while (again) {
			agent_lock(agent);
			again = count_step(agent, query, &total, from);
			agent_unlock(agent);
		}
		return total;
	}
	agent_lock(agent);
	for (int state = 1; state < AGENT_JOB_STATES; state++)
		if (!query->wanted_states || query->wanted_states >> state & 1)
			total += agent->state_counts[state];
	agent_unlock(agent);
	return total;
}

static void collect(struct agent *agent, const struct query *query, struct page *page)
{
	char from[JOB_ID_LEN + 1];
	bool again = true;
	memcpy(from, query->after, sizeof from);
	while (again) {
		agent_lock(agent);
		again = collect_step(agent, query, page, from);
		agent_unlock(agent);
	}
	page->total = count_matches(agent, query);
}

/* A job that was deleted between the look and the reading is left out. */
static int build(struct agent *agent, const struct query *query, struct page *page,
		 Pagecast__V1__ListJobsResponse *response, struct error *ret_error)
{
	response->total_size = (uint32_t)MIN(page->total, (size_t)UINT32_MAX);
	response->jobs = calloc(page->count + 1, sizeof(void *));
	if (!response->jobs)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	size_t given = 0, bytes = 0; /* of the page's jobs; of their messages */
	for (; given < page->count && bytes < PAGE_BYTES_MAX; given++) {
		struct job_view *view = &page->views[given];
		Pagecast__V1__Job **to = &response->jobs[response->n_jobs];
		int r = view_message(agent, view, to, ret_error);
		if (r == ERROR_CODE_NOT_FOUND) {
			error_deinit(ret_error);
			continue;
		}
		if (r)
			return r;
		response->n_jobs++;
		bytes += view->message_bytes;
	}
	if (given == page->count && !page->more)
		return 0;
	char token[PAGE_TOKEN_LEN + 2];
	page_token_make(page->views[given - 1].job->id, query->digest, token);
	response->next_page_token = strdup(token);
	if (response->next_page_token)
		return 0;
	response->next_page_token = (char *)protobuf_c_empty_string;
	return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
}

static int list(struct agent *agent, const struct query *query,
		Pagecast__V1__ListJobsResponse **ret_response, struct error *ret_error)
{
	Pagecast__V1__ListJobsResponse *response = malloc(sizeof *response);
	struct page page = {.views = calloc(query->page_size, sizeof *page.views)};
	int r = ERROR_CODE_UNAVAILABLE;
	if (response)
		pagecast__v1__list_jobs_response__init(response);
	if (response && page.views) {
		collect(agent, query, &page);
		r = build(agent, query, &page, response, ret_error);
	} else {
		error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	}
	for (size_t i = 0; i < page.count; i++)
		view_release(&page.views[i]);
	free(page.views);
	if (r && response)
		pagecast__v1__list_jobs_response__free_unpacked(response, NULL);
	if (!r)
		*ret_response = response;
	return r;
}

int agent_list_jobs(struct agent *agent, const struct agent_caller *caller,
		    const Pagecast__V1__ListJobsRequest *request,
		    Pagecast__V1__ListJobsResponse **ret_response, struct error *ret_error)
{
	struct query query;
	int r = agent_require(caller, AGENT_ROLE_VIEWER, ret_error);
	if (!r)
		r = read_query(request, &query, ret_error);
	return r ? r : list(agent, &query, ret_response, ret_error);
}
