/*
 * sender_share: what the policy lets a job send, shared by its streams; see sender_share.h.
 *
 * It only divides: that no more leaves than the policy says is for sender_limit to see to, packet
 * by packet. Max-min fairness: who asks for less than an equal share gets what it asks, and what it
 * leaves is shared by the others. A stream without a rate asks for everything. Packets and bits are
 * shared apart, and a stream gets the lower of its two shares. Done again whenever a rate changes
 * or a stream ends, is paused or resumed, so that the maximum is used.
 */
#include "sender/sender_share.h"

#include "base/fair_share.h"
#include "base/util.h"

#include <math.h>

enum unit { PACKETS, BITS_L2 };

struct maximum {      /* of the job, in one unit */
	double level; /* what a stream gets at most; infinite: what it asks for */
	enum limiter_rule rule;
};

static uint64_t line_bps(const struct sender_stream *stream)
{
	return stream->path ? stream->path->line_bps : 0;
}

/* What a stream asks for; infinite without a rate. */
static double demand(const struct sender_stream *stream, enum unit unit)
{
	return unit == PACKETS ? stream->demand_pps : stream->demand_pps * stream->mean_bits_l2;
}

static void note_demand(struct sender_stream *stream)
{
	double pps = pacer_rate_pps(stream->plan, &stream->asked, line_bps(stream));
	stream->demand_pps = pps > 0 ? pps : INFINITY;
}

/* What a stream gets at most, of @maximum for the whole job. */
static double fair_level(struct sender *sender, double maximum, enum unit unit)
{
	for (size_t i = 0; i < sender->stream_count; i++) {
		const struct sender_stream *stream = &sender->streams[i];
		bool silent = stream->state == SENDER_STREAM_ENDED || stream->paused;
		sender->wanted[i] = silent ? -1 : demand(stream, unit);
	}
	return fair_share_level(sender->wanted, sender->stream_count, maximum);
}

static bool same_rate(const struct plan_rate *a, const struct plan_rate *b)
{
	return a->kind == b->kind && a->value == b->value && a->layer == b->layer &&
	       a->max_back_to_back == b->max_back_to_back;
}

void sender_share_note(struct sender_stream *stream, int64_t now_ns)
{
	int64_t span_ns = now_ns - stream->paced_since_ns;
	if (stream->paced_since_ns && span_ns > 0) {
		double pps = pacer_rate_pps(stream->plan, &stream->paced, line_bps(stream));
		stream->shared_pps_ns += pps * (double)span_ns;
		stream->paced_ns += span_ns;
	}
	stream->paced_since_ns = now_ns;
}

double sender_share_mean_pps(const struct sender_stream *stream)
{
	if (stream->paced_ns > 0)
		return stream->shared_pps_ns / (double)stream->paced_ns;
	return pacer_rate_pps(stream->plan, &stream->paced, line_bps(stream));
}

static void give(struct sender_stream *stream, const struct plan_rate *rate, int64_t now_ns)
{
	if (same_rate(&stream->paced, rate))
		return;
	sender_share_note(stream, now_ns);
	if (pacer_set_rate(stream->pacer, rate, now_ns) == 0)
		stream->paced = *rate;
}

/* The packets a second a stream may have: the lower of its shares, and by which rule; INFINITY: no
 * maximum binds it. */
static double share_pps(struct sender_stream *stream, const struct maximum *pps,
			const struct maximum *bps)
{
	double share = INFINITY;
	if (demand(stream, PACKETS) > pps->level) {
		share = pps->level;
		stream->share_rule = pps->rule;
	}
	if (demand(stream, BITS_L2) > bps->level && bps->level / stream->mean_bits_l2 < share) {
		share = bps->level / stream->mean_bits_l2;
		stream->share_rule = bps->rule;
	}
	return share;
}

bool sender_share_applies(const struct sender *sender)
{
	const struct sender_options *options = &sender->options;
	return options->max_pps > 0 || options->max_bps_l2 > 0 || options->share_pps > 0 ||
	       options->share_bps_l2 > 0;
}

/* The lower of the job's own maximum and its part of that of all jobs, divided. */
static struct maximum divide(struct sender *sender, double own, double part, enum unit unit)
{
	struct maximum maximum = {INFINITY, unit == PACKETS ? LIMITER_MAX_PPS : LIMITER_MAX_BPS_L2};
	double least = own > 0 ? own : INFINITY;
	if (part > 0 && part < least) {
		least = part;
		maximum.rule = unit == PACKETS ? LIMITER_MAX_TOTAL_PPS : LIMITER_MAX_TOTAL_BPS_L2;
	}
	if (isfinite(least))
		maximum.level = fair_level(sender, least, unit);
	return maximum;
}

void sender_share(struct sender *sender, int64_t now_ns)
{
	const struct sender_options *options = &sender->options;
	for (size_t i = 0; i < sender->stream_count; i++)
		note_demand(&sender->streams[i]);
	struct maximum pps = divide(sender, options->max_pps, options->share_pps, PACKETS);
	struct maximum bps = divide(sender, options->max_bps_l2, options->share_bps_l2, BITS_L2);
	for (size_t i = 0; i < sender->stream_count; i++) {
		struct sender_stream *stream = &sender->streams[i];
		if (stream->state == SENDER_STREAM_ENDED)
			continue;
		double share = share_pps(stream, &pps, &bps);
		struct plan_rate rate = stream->asked;
		stream->shared = isfinite(share);
		stream->was_shared |= stream->shared;
		if (stream->shared) {
			rate.kind = PLAN_RATE_PPS;
			rate.value = share;
		}
		give(stream, &rate, now_ns);
	}
}
