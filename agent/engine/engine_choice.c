/* engine_choice: see engine_choice.h. */
#include "engine/engine_choice.h"

#include "base/util.h"
#include "engine/engine_facts.h"
#include "engine/engine_probe.h"
#include "engine/engine_table.h"
#include "engine/train.h"

#include <stdio.h>

enum { OBJECTION_MAX = 160 };

/* NULL: the engine can run this plan; else the first reason why not, in @buffer. */
static const char *objection(const struct engine_ops *ops, const struct plan *plan,
			     char buffer[static OBJECTION_MAX])
{
	if (plan->layout == PAGECAST__V1__PAGE_LAYOUT__PAGE_LAYOUT_PAGE_PER_PACKET &&
	    !ops->page_per_packet)
		return "page_layout PAGE_PER_PACKET requires engine SPLICE";
	for (size_t i = 0; i < plan->stream_count; i++) {
		const char *why = ops->serves(&plan->streams[i].destination);
		if (!why)
			continue;
		bool some = i ||
			    (plan->stream_count > 1 && !ops->serves(&plan->streams[1].destination));
		snprintf(buffer, OBJECTION_MAX, "streams[%zu]: %s%s", i, why,
			 some ? " (submit two jobs: it can send others of the streams)" : "");
		return buffer;
	}
	return NULL;
}

/* Can this engine send the job here? Return: 0; FAILED_PRECONDITION */
static int check(const struct plan *plan, Pagecast__V1__EngineKind kind, struct error *ret_error)
{
	const struct engine_ops *ops = engine_table_find(kind);
	const struct engine_fact *fact = engine_facts_find(kind);
	char buffer[OBJECTION_MAX];
	if (!ops || !fact)
		return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION,
				 "engine: no such engine; SPLICE, TXRING, COPY, ZEROCOPY and "
				 "URING are offered");
	if (!fact->available)
		return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION,
				 "engine: %s is not available here: %s", ops->name, fact->why);
	const char *why = objection(ops, plan, buffer);
	if (why)
		return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION,
				 "engine: %s cannot send this job: %s", ops->name, why);
	return 0;
}

/* Frames leave by a ring, all else by sockets: no engine sends both. */
static int check_mixture(const struct plan *plan, struct error *ret_error)
{
	size_t frames = 0;
	for (size_t i = 0; i < plan->stream_count; i++)
		frames += plan->streams[i].destination.kind == PLAN_ETHERNET;
	if (!frames || frames == plan->stream_count)
		return 0;
	error_violate(ret_error, "streams",
		      "%zu of %zu send Ethernet frames, the others IP packets or datagrams, and no "
		      "engine sends both: submit two jobs",
		      frames, plan->stream_count);
	return (int)ret_error->code;
}

static bool any_of_kind(const struct plan *plan, enum plan_kind kind)
{
	for (size_t i = 0; i < plan->stream_count; i++)
		if (plan->streams[i].destination.kind == kind)
			return true;
	return false;
}

static int choose_ring(const struct plan *plan, struct engine_choice *ret_choice,
		       struct error *ret_error)
{
	const struct engine_fact *ring =
		engine_facts_find(PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_TXRING);
	char buffer[OBJECTION_MAX];
	const char *why = ring->available ? objection(engine_table_find(ring->kind), plan, buffer)
					  : ring->why;
	if (why)
		return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION,
				 "engine: Ethernet frames need engine TXRING: %s", why);
	*ret_choice = (struct engine_choice){ring->kind, ENGINE_CHOICE_FRAMES};
	return 0;
}

/* Packets without a rate that no template stands for: they are made while they are sent. */
static bool is_made_at_full_speed(const struct plan_stream *stream)
{
	return stream->rate.kind == PLAN_RATE_UNLIMITED && !stream->burst.packets &&
	       (plan_varies(stream) || stream->pass_bytes > TRAIN_TEMPLATE_BYTES_MAX);
}

static bool any_made_at_full_speed(const struct plan *plan)
{
	for (size_t i = 0; i < plan->stream_count; i++)
		if (is_made_at_full_speed(&plan->streams[i]))
			return true;
	return false;
}

/* Equal packets without a rate: a template in a pipe of its own is copied once at most. */
static bool all_templates_at_full_speed(const struct plan *plan)
{
	for (size_t i = 0; i < plan->stream_count; i++)
		if (plan->streams[i].rate.kind != PLAN_RATE_UNLIMITED ||
		    plan->streams[i].burst.packets || is_made_at_full_speed(&plan->streams[i]))
			return false;
	return true;
}

/* The first of them that is available and sends all streams; SPLICE always may. */
static struct engine_choice first_of(const struct plan *plan, const Pagecast__V1__EngineKind *kinds,
				     size_t count, enum engine_choice_reason reason)
{
	char buffer[OBJECTION_MAX];
	for (size_t i = 0; i < count; i++)
		if (engine_facts_find(kinds[i])->available &&
		    !objection(engine_table_find(kinds[i]), plan, buffer))
			return (struct engine_choice){
				kinds[i], reason, PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_SPLICE};
	return (struct engine_choice){PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_SPLICE,
				      any_of_kind(plan, PLAN_RAW_IP) ? ENGINE_CHOICE_RAW_PAGES
								     : ENGINE_CHOICE_PAGES};
}

static struct engine_choice choose_with_splice(const struct plan *plan)
{
	static const Pagecast__V1__EngineKind BY_COMPLETION[] = {
		PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_URING,
		PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_ZEROCOPY,
		PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_COPY,
	};
	bool references = engine_probed()->pipe_by_reference;
	if (plan->layout == PAGECAST__V1__PAGE_LAYOUT__PAGE_LAYOUT_PAGE_PER_PACKET)
		return first_of(plan, NULL, 0, ENGINE_CHOICE_PAGES);
	if (!references && !all_templates_at_full_speed(plan))
		return first_of(plan, BY_COMPLETION, ARRAY_SIZE(BY_COMPLETION),
				ENGINE_CHOICE_COPIES);
	if (any_made_at_full_speed(plan))
		return first_of(plan, BY_COMPLETION, 1, ENGINE_CHOICE_DIFFER);
	return first_of(plan, NULL, 0, ENGINE_CHOICE_PAGES);
}

static int choose_auto(const struct plan *plan, struct engine_choice *ret_choice,
		       struct error *ret_error)
{
	if (any_of_kind(plan, PLAN_ETHERNET))
		return choose_ring(plan, ret_choice, ret_error);
	const struct engine_fact *splice =
		engine_facts_find(PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_SPLICE);
	if (splice->available) {
		*ret_choice = choose_with_splice(plan);
		return 0;
	}
	if (plan->layout == PAGECAST__V1__PAGE_LAYOUT__PAGE_LAYOUT_PAGE_PER_PACKET)
		return error_set(
			ret_error, ERROR_CODE_FAILED_PRECONDITION,
			"page_layout: PAGE_PER_PACKET requires engine SPLICE, which is not "
			"available here: %s",
			splice->why);
	*ret_choice = (struct engine_choice){PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_COPY,
					     ENGINE_CHOICE_NO_SPLICE};
	if (any_made_at_full_speed(plan)) {
		static const Pagecast__V1__EngineKind IN_PLACE[] = {
			PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_URING,
			PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_COPY,
		};
		*ret_choice = first_of(plan, IN_PLACE, ARRAY_SIZE(IN_PLACE), ENGINE_CHOICE_DIFFER);
		ret_choice->fallback = PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_COPY;
	}
	return 0;
}

static bool is_among(Pagecast__V1__EngineKind kind, const Pagecast__V1__EngineKind *allowed,
		     size_t allowed_count)
{
	for (size_t i = 0; i < allowed_count; i++)
		if (allowed[i] == kind)
			return true;
	return allowed_count == 0;
}

int engine_choose(const struct plan *plan, const Pagecast__V1__EngineKind *allowed,
		  size_t allowed_count, struct engine_choice *ret_choice, struct error *ret_error)
{
	int mixed = check_mixture(plan, ret_error);
	if (mixed)
		return mixed;
	if (plan->engine != PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_UNSPECIFIED) {
		int r = check(plan, plan->engine, ret_error);
		if (r == 0)
			*ret_choice = (struct engine_choice){plan->engine, ENGINE_CHOICE_ASKED};
		return r;
	}
	struct engine_choice best;
	int r = choose_auto(plan, &best, ret_error);
	if (r)
		return r;
	if (!is_among(best.fallback, allowed, allowed_count))
		best.fallback = PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_UNSPECIFIED;
	if (is_among(best.kind, allowed, allowed_count)) {
		*ret_choice = best;
		return 0;
	}
	for (size_t i = 0; i < allowed_count; i++) {
		_cleanup_error_ struct error error = ERROR_NULL;
		if (check(plan, allowed[i], &error))
			continue;
		*ret_choice = (struct engine_choice){allowed[i], ENGINE_CHOICE_ALLOWED};
		return 0;
	}
	return error_set(ret_error, ERROR_CODE_PERMISSION_DENIED,
			 "engine: no engine that the policy allows (allowedEngines) can send this "
			 "job here");
}
