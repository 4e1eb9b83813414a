/*
 * sender: see sender.h; its parts are listed in sender_private.h. Here: making one and freeing it.
 *
 * Everything a job needs is allocated, opened and packed before sender_new() returns; while sending
 * only fresh arenas are mapped.
 */
#include "sender/sender.h"

#include "base/util.h"
#include "engine/engine_probe.h"
#include "sender/sender_pack.h"
#include "sender/sender_path.h"
#include "sender/sender_private.h"
#include "sender/sender_problems.h"
#include "sender/sender_share.h"
#include "sender/sender_snapshot.h"
#include "sender/sender_stream.h"

#include <errno.h>

static void free_stream(struct sender_stream *stream)
{
	flow_close(stream->flow);
	for (size_t i = 0; i < ARRAY_SIZE(stream->fillings); i++)
		trains_retire(&stream->fillings[i]);
	pacer_free(stream->pacer);
}

struct sender *sender_free(struct sender *sender)
{
	if (!sender)
		return NULL;
	for (size_t i = 0; sender->streams && i < sender->stream_count; i++)
		free_stream(&sender->streams[i]);
	engine_free(sender->engine);
	pthread_mutex_destroy(&sender->rates_lock);
	free(sender->gap_errors);
	free(sender->streams);
	free(sender->paths);
	free(sender->orders);
	free(sender->wanted);
	free(sender->progress);
	free(sender->heap);
	free(sender->ring);
	free(sender);
	return NULL;
}

static void init_stream(struct sender *sender, size_t index)
{
	struct sender_stream *stream = &sender->streams[index];
	stream->plan = &sender->plan->streams[index];
	stream->index = index;
	snprintf(stream->field, sizeof stream->field, "streams[%zu]", index);
	for (size_t i = 0; i < ARRAY_SIZE(stream->fillings); i++)
		stream->fillings[i] = TRAINS_NULL;
	stream->heap_index = SIZE_MAX;
	stream->state = SENDER_STREAM_PARKED;
	stream->paused = stream->plan->hold;
	stream->end_ns = SENDER_NEVER_NS;
	stream->pack_cursor = stream->send_cursor = stream->plan->first;
	stream->asked = stream->paced = stream->plan->rate;
	stream->mean_bits_l2 = pacer_mean_bits(stream->plan, PAGECAST__V1__LAYER__LAYER_L2);
	stream->gap_error = &sender->gap_errors[index];
	if (!sender_stream_open_ended(stream))
		stream->account.packets_requested = stream->plan->limit.packets;
}

static struct sender *allocate(const struct plan *plan, const struct sender_options *options)
{
	struct sender *sender = calloc(1, sizeof *sender);
	if (!sender)
		return NULL;
	size_t count = plan->stream_count;
	pthread_mutex_init(&sender->rates_lock, NULL);
	sender->plan = plan;
	sender->options = *options;
	limiter_init(&sender->limiter, options->total);
	limiter_set(&sender->limiter, options->max_pps, options->max_bps_l2, 0);
	sender->clock = options->clock ? options->clock : clock_real();
	sender->deadline_ns = SENDER_NEVER_NS;
	sender->max_duration_ns = plan->max_duration_ns;
	sender->stream_count = sender->active_count = count;
	sender_waiter_init(&sender->waiter, sender->clock);
	sender->streams = calloc(count, sizeof *sender->streams);
	sender->gap_errors = calloc(count, sizeof *sender->gap_errors);
	sender->orders = calloc(count, sizeof *sender->orders);
	sender->wanted = calloc(count, sizeof *sender->wanted);
	sender->heap = calloc(count, sizeof(struct sender_stream *));
	sender->ring = calloc(count, sizeof(struct sender_stream *));
	sender->progress = calloc(count, sizeof *sender->progress);
	if (!sender->progress || !sender->streams || !sender->gap_errors || !sender->orders ||
	    !sender->wanted || !sender->heap || !sender->ring)
		return sender_free(sender);
	for (size_t i = 0; i < count; i++)
		init_stream(sender, i);
	return sender;
}

/* A failure that has no problem yet gets one. Return: the error_code. */
static int fail(struct problem_set *problems, struct error *ret_error, const char *field,
		int result, const char *what)
{
	if (!problems->count)
		problem_add(problems, sender_problems_code(-result), PROBLEM_ERROR, field, -result,
			    1, "%s: %s", what, errno_name(-result));
	const char *message = problems->problems[problems->count - 1].message;
	enum error_code code = result == -ENOMEM || result == -EMFILE || result == -ENFILE
				       ? ERROR_CODE_RESOURCE_EXHAUSTED
				       : ERROR_CODE_FAILED_PRECONDITION;
	return error_set(ret_error, code, "%s%s%s", field, field[0] ? ": " : "", message);
}

static int open_stream(struct sender *sender, struct sender_stream *stream,
		       struct problem_set *problems, struct error *ret_error)
{
	int result =
		flow_open(&stream->flow, sender->engine, stream->plan, stream->field, problems);
	if (result < 0)
		return fail(problems, ret_error, stream->field, result, "cannot open the socket");
	stream->limits = flow_limits(stream->flow);
	stream->limits.blank = sender->options.preview;
	result = sender_pack(stream);
	if (result < 0)
		return fail(problems, ret_error, stream->field, result, "cannot pack the packets");
	uint64_t line_bps = stream->path->line_bps;
	if (stream->asked.kind == PLAN_RATE_LINE_PERCENT && !line_bps) {
		char field[PROBLEM_FIELD_MAX];
		snprintf(field, sizeof field, "streams[%zu].rate.linePercent", stream->index);
		problem_add(problems, PROBLEM_ENGINE_UNAVAILABLE, PROBLEM_ERROR, field, 0, 1,
			    "the speed of %s is not known; give pps or bps",
			    stream->path->interface[0] ? stream->path->interface : "the line");
		return fail(problems, ret_error, field, -EINVAL, "");
	}
	result = pacer_new(&stream->pacer, stream->plan, engine_handover_ns(), line_bps);
	if (result < 0)
		return fail(problems, ret_error, stream->field, result, "cannot pace the stream");
	return 0;
}

static int prepare(struct sender *sender, struct problem_set *problems, struct error *ret_error)
{
	struct engine_choice *choice = &sender->choice;
	int result = engine_new(&sender->engine, choice->kind, sender->plan);
	if (result < 0 && choice->fallback) {
		*choice = (struct engine_choice){choice->fallback, ENGINE_CHOICE_FALLBACK};
		result = engine_new(&sender->engine, choice->kind, sender->plan);
	}
	if (result == 0)
		result = sender_path_find(sender);
	if (result < 0)
		return fail(problems, ret_error, "engine", result, "cannot set up the engine");
	for (size_t i = 0; i < sender->stream_count; i++) {
		result = open_stream(sender, &sender->streams[i], problems, ret_error);
		if (result)
			return result;
	}
	sender_share(sender, 0);
	sender->problems = *problems;
	int64_t now_ns = clock_monotonic_ns(sender->clock);
	sender->realtime_offset_ns = clock_realtime_ns(sender->clock) - now_ns;
	sender_snapshot_publish(sender, now_ns); /* what is asked for, before it runs */
	return 0;
}

int sender_new(struct sender **ret_sender, const struct plan *plan,
	       const struct engine_choice *choice, const struct sender_options *options,
	       struct problem_set *problems, struct error *ret_error)
{
	struct sender *sender = allocate(plan, options);
	if (!sender)
		return fail(problems, ret_error, "", -ENOMEM, "cannot allocate the job");
	sender->choice = *choice;
	int result = prepare(sender, problems, ret_error);
	if (result) {
		sender_free(sender);
		return result;
	}
	*ret_sender = sender;
	return 0;
}

const struct problem_set *sender_problems(const struct sender *sender)
{
	return &sender->problems;
}
