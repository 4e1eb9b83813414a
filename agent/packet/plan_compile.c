/* plan_compile: the job's own fields, and the memory of a plan; see plan_compile.h. Streams are in
 * stream.c.
 */
#include "packet/plan_compile.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys.h"
#include "base/util.h"
#include "packet/check.h"
#include "packet/stream.h"

#define _cleanup_plan_ _cleanup_(plan_freep)

static void plan_freep(struct plan **plan)
{
	plan_free(*plan);
}

/* What is mapped: whole pages, one at least. */
static size_t memory_bytes(const struct plan *plan)
{
	size_t page = PLAN_PAGE_BYTES;
	return MAX((plan->bytes + page - 1) / page, (uint64_t)1) * page;
}

struct plan *plan_free(struct plan *plan)
{
	if (!plan)
		return NULL;
	for (size_t i = 0; i < plan->stream_count; i++)
		free(plan->streams[i].items);
	for (size_t i = 0; plan->builds && i < plan->stream_count; i++) {
		free(plan->builds[i].sources);
		free(plan->builds[i].modifiers);
	}
	free(plan->streams);
	free(plan->builds);
	if (plan->memory)
		sys_unmap(plan->memory, memory_bytes(plan));
	free(plan);
	return NULL;
}

static void compile_labels(struct check *check, const Pagecast__V1__JobSpec *spec)
{
	static const char KEY_CHARACTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					     "0123456789._/-";
	if (spec->n_labels > PLAN_LABELS_MAX) {
		check_fault(check, "labels", "%zu labels, more than the maximum of %d",
			    spec->n_labels, PLAN_LABELS_MAX);
		return;
	}
	for (size_t i = 0; i < spec->n_labels; i++) {
		const Pagecast__V1__Label *label = spec->labels[i];
		size_t mark = check_enter(check, "labels[%zu]", i);
		check_text(check, "key", label->key, PLAN_LABEL_KEY_BYTES_MAX);
		check_text(check, "value", label->value, PLAN_LABEL_VALUE_BYTES_MAX);
		if (!*label->key || label->key[strspn(label->key, KEY_CHARACTERS)])
			check_fault(check, "key", "%s may only have letters, digits and . _ - /",
				    check_quoted(label->key));
		for (size_t earlier = 0; earlier < i; earlier++)
			if (!strcmp(label->key, spec->labels[earlier]->key)) {
				check_fault(check, "key", "%s is the key of labels[%zu] too",
					    check_quoted(label->key), earlier);
				break;
			}
		check_leave(check, mark);
	}
}

static void compile_priority(struct check *check, int32_t priority, struct plan *plan)
{
	plan->priority = priority;
	if (priority < -PLAN_PRIORITY_MAX || priority > PLAN_PRIORITY_MAX)
		check_fault(check, "priority", "%" PRId32 " is not between %d and %d", priority,
			    -PLAN_PRIORITY_MAX, PLAN_PRIORITY_MAX);
}

static void compile_hold(struct check *check, const Pagecast__V1__JobSpec *spec, struct plan *plan)
{
	plan->hold = spec->hold;
	if (spec->hold && spec->start_time)
		check_fault(check, "hold",
			    "true, but there is a startTime: a held job gets it when it is "
			    "released (UpdateJob); give one of the two");
	if (spec->hold_timeout)
		check_duration(check, "holdTimeout", spec->hold_timeout, 1, &plan->hold_timeout_ns);
	else if (spec->hold)
		plan->hold_timeout_ns = PLAN_HOLD_TIMEOUT_DEFAULT_NS;
	if (spec->hold_timeout && !spec->hold)
		check_fault(check, "holdTimeout",
			    "needs hold: it limits how long a held job waits");
}

static void compile_times(struct check *check, const Pagecast__V1__JobSpec *spec, struct plan *plan)
{
	plan->start_tolerance_ns = -1;
	if (spec->start_time)
		check_timestamp(check, "startTime", spec->start_time, &plan->start_time_ns);
	if (spec->start_tolerance) {
		check_duration(check, "startTolerance", spec->start_tolerance, 0,
			       &plan->start_tolerance_ns);
		if (!spec->start_time && !spec->hold)
			check_fault(check, "startTolerance", "needs startTime, which it refers to");
	}
	compile_hold(check, spec, plan);
	if (spec->max_duration)
		check_duration(check, "maxDuration", spec->max_duration, 1, &plan->max_duration_ns);
	if (spec->lease)
		check_duration(check, "lease", spec->lease, 1, &plan->lease_ns);
}

static void compile_choices(struct check *check, const Pagecast__V1__JobSpec *spec,
			    struct plan *plan)
{
	check_enum(check, "engine", &pagecast__v1__engine_kind__descriptor, spec->engine);
	check_enum(check, "pageLayout", &pagecast__v1__page_layout__descriptor, spec->page_layout);
	check_enum(check, "restartPolicy", &pagecast__v1__restart_policy__descriptor,
		   spec->restart_policy);
	check_enum(check, "whenFull", &pagecast__v1__full_policy__descriptor, spec->when_full);
	plan->engine = spec->engine;
	plan->layout = spec->page_layout ? spec->page_layout
					 : PAGECAST__V1__PAGE_LAYOUT__PAGE_LAYOUT_PACKED;
	plan->when_full =
		spec->when_full ? spec->when_full : PAGECAST__V1__FULL_POLICY__FULL_POLICY_WAIT;
	if (plan->layout == PAGECAST__V1__PAGE_LAYOUT__PAGE_LAYOUT_PAGE_PER_PACKET) {
		plan->page_offset =
			spec->page_offset ? spec->page_offset : PLAN_PAGE_OFFSET_DEFAULT;
		check_range(check, "pageOffset", plan->page_offset, 1, PLAN_PAGE_BYTES - 1);
	} else if (spec->page_offset) {
		check_fault(check, "pageOffset",
			    "%" PRIu32 ", but only pageLayout PAGE_PER_PACKET has one",
			    spec->page_offset);
	}
}

struct named {
	const char *name;
	size_t index;
};

static int compare_names(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int order = strcmp(x->name, y->name);
	return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* A stream is changed by its name: names must be unique. Return: 0; -ENOMEM */
static int check_names(struct check *check, const Pagecast__V1__JobSpec *spec)
{
	_cleanup_free_ struct named *names = calloc(spec->n_streams, sizeof *names);
	if (!names)
		return -ENOMEM;
	for (size_t i = 0; i < spec->n_streams; i++)
		names[i] = (struct named){spec->streams[i]->name, i};
	qsort(names, spec->n_streams, sizeof *names, compare_names);
	for (size_t i = 1; i < spec->n_streams; i++) {
		if (!*names[i].name || strcmp(names[i].name, names[i - 1].name) != 0)
			continue;
		size_t mark = check_enter(check, "streams[%zu]", names[i].index);
		check_fault(check, "name", "%s is the name of streams[%zu] too",
			    check_quoted(names[i].name), names[i - 1].index);
		check_leave(check, mark);
	}
	return 0;
}

static int compile_streams(struct check *check, const Pagecast__V1__JobSpec *spec,
			   struct plan *plan)
{
	struct stream_totals totals = {0};
	uint32_t page_room = 0;
	if (plan->page_offset && plan->page_offset < PLAN_PAGE_BYTES)
		page_room = PLAN_PAGE_BYTES - plan->page_offset;
	for (size_t i = 0; i < plan->stream_count; i++) {
		size_t mark = check_enter(check, "streams[%zu]", i);
		int error = stream_compile(check, spec->streams[i], page_room, &totals,
					   &plan->builds[i], &plan->streams[i]);
		check_leave(check, mark);
		if (error)
			return error;
		plan->builds[i].plan = plan;
		plan->streams[i].build = &plan->builds[i];
	}
	plan->bytes = totals.bytes;
	return check_names(check, spec);
}

static int no_memory(struct error *error)
{
	return error_set(error, ERROR_CODE_UNAVAILABLE,
			 "out of memory for this job: try again later");
}

/* Return: 0; an error_code. Everything but the bytes */
static int check_job(struct check *check, const Pagecast__V1__JobSpec *spec, struct plan *plan)
{
	check_text(check, "name", spec->name, PLAN_NAME_BYTES_MAX);
	compile_priority(check, spec->priority, plan);
	compile_labels(check, spec);
	compile_times(check, spec, plan);
	compile_choices(check, spec, plan);
	if (!spec->n_streams || spec->n_streams > PLAN_STREAMS_MAX) {
		check_fault(check, "streams", "%zu streams: give 1 to %d", spec->n_streams,
			    PLAN_STREAMS_MAX);
		return 0;
	}
	plan->streams = calloc(spec->n_streams, sizeof *plan->streams);
	plan->builds = calloc(spec->n_streams, sizeof *plan->builds);
	if (!plan->streams || !plan->builds)
		return no_memory(check->error);
	plan->stream_count = spec->n_streams;
	if (compile_streams(check, spec, plan))
		return no_memory(check->error);
	return 0;
}

static int compile(const Pagecast__V1__JobSpec *spec, bool with_memory, struct plan **ret_plan,
		   struct error *ret_error)
{
	struct check check = {.error = ret_error};
	_cleanup_plan_ struct plan *plan = calloc(1, sizeof *plan);
	if (!spec) {
		check_fault(&check, "spec", "missing: give the job");
		return (int)ret_error->code;
	}
	if (!plan)
		return no_memory(ret_error);
	int error = check_job(&check, spec, plan);
	if (error)
		return error;
	check_finish(&check);
	if (check_count(&check)) {
		if (check_count(&check) == check.absent)
			ret_error->code = ERROR_CODE_NOT_FOUND;
		return (int)ret_error->code;
	}
	if (with_memory && sys_map((void **)&plan->memory, memory_bytes(plan), false) < 0)
		return no_memory(ret_error);
	*ret_plan = TAKE_PTR(plan);
	return 0;
}

int plan_compile(const Pagecast__V1__JobSpec *spec, struct plan **ret_plan, struct error *ret_error)
{
	_cleanup_plan_ struct plan *checked = NULL;
	return compile(spec, ret_plan != NULL, ret_plan ? ret_plan : &checked, ret_error);
}

int plan_outline(const Pagecast__V1__JobSpec *spec, struct plan **ret_plan, struct error *ret_error)
{
	return compile(spec, false, ret_plan, ret_error);
}
