/*
 * pacer: see pacer.h.
 *
 * Exactness: the rate is the fraction `rate_units / scale` (units: packets in nano, or bits in
 * milli), so that a cost lasts cost * NS * scale / rate_units ns. The due instant is whole ns plus
 * due_rest / rate_units; adding a cost is one 128-bit division, and nothing is ever rounded.
 * Bounds: cost <= 2^33 bits a go, NS * scale <= 10^18 < 2^60: far below 128 bits.
 */
#include "transmit/pacer.h"

#include "base/clock.h"
#include "base/util.h"

#include <errno.h>
#include <math.h>

__extension__ typedef unsigned __int128 wide;

enum {
	/* A lateness of less is a late wake-up, not a stream that is behind. */
	PACER_JITTER_NS = 1000000,
	/* Goes in a row while behind, after which "flat out is too slow" is believed. */
	PACER_GROW_GOES = 256,
	PACER_FEW_PACKETS = 16, /* of debt are no flood */
	/* Jitter, up to a go or what a late wake-up is, is made up for by this part of itself each
	 * time, by this part of a go and by so many ns at least: it spoils one gap and no other.
	 * What every wait is late by is less, and so no reason to move anything. */
	PACER_WAKE_LATE_NS = 100000,
	PACER_SLEW_OF_LAG = 32,
	PACER_SLEW_OF_GO = 200,
	PACER_SLEW_LEAST_NS = 2000,
};
/* A core that was shared may be free again: a raised group is tried smaller after this long, then
 * after twice as long each time that fails. */
#define PACER_SHRINK_FIRST_NS CLOCK_NS_PER_S
#define PACER_SHRINK_MOST_NS  (64 * CLOCK_NS_PER_S)
#define PACER_PPS_SCALE	      UINT64_C(1000000000)
#define PACER_BPS_SCALE	      UINT64_C(1000)
/* Later than any real instant, with room for adding to it. */
#define PACER_NEVER_NS (INT64_MAX / 2)

struct pacer {
	const struct plan_stream *stream;
	int64_t handover_ns;
	uint64_t line_bps;
	struct plan_rate rate;
	bool unlimited;
	uint64_t rate_units;	     /* > 0 unless unlimited */
	uint64_t ns_units;	     /* NS a second * scale */
	double gap_ns;		     /* ideal time from one mean packet to the next; 0: unlimited */
	uint32_t group, group_least; /* packets a go; what handover_ns says is enough */
	bool group_raised;
	int64_t shrink_at_ns, shrink_after_ns;

	int64_t due_ns; /* next packet, by the schedule: due_ns + due_rest / rate_units */
	uint64_t due_rest;
	int64_t gate_ns; /* catching up: not before */
	uint64_t burst_left;
	bool between_bursts; /* due_ns is the start of a burst */
	int64_t burst_ns;    /* when the last one began */

	bool started; /* a packet left: last_* hold */
	uint32_t last_len;
	int64_t last_at_ns; /* begin of the last hand-over */
	int64_t last_lag_ns;
	bool last_comparable; /* the gap from the last hand-over to the next has an ideal */

	bool paused;
	int64_t paused_ns;

	uint32_t goes_behind, goes_slow;
	int64_t last_span_ns;
	uint64_t late, forgiven;
	uint64_t forgiven_owed; /* forgiven packets that are still to leave, all of them late */
};

double pacer_mean_bits(const struct plan_stream *stream, Pagecast__V1__Layer layer)
{
	double bits = 0, packets = 0;
	for (size_t i = 0; i < stream->item_count; i++) {
		const struct plan_item *item = &stream->items[i];
		bits += 8.0 * (double)plan_layer_bytes(stream, item->len, layer) * item->repeat;
		packets += item->repeat;
	}
	return MAX(bits / packets, 1.0);
}

static double rate_bps(const struct plan_rate *rate, uint64_t line_bps)
{
	if (rate->kind == PLAN_RATE_LINE_PERCENT)
		return (double)line_bps * rate->value / 100;
	return rate->value;
}

double pacer_rate_pps(const struct plan_stream *stream, const struct plan_rate *rate,
		      uint64_t line_bps)
{
	switch (rate->kind) {
	case PLAN_RATE_UNLIMITED: return 0;
	case PLAN_RATE_PPS: return rate->value;
	case PLAN_RATE_BPS:
	case PLAN_RATE_LINE_PERCENT: break;
	}
	return rate_bps(rate, line_bps) / pacer_mean_bits(stream, rate->layer);
}

/* What one packet costs, in ns * rate_units. */
static wide packet_units(const struct pacer *pacer, uint32_t len)
{
	uint64_t cost = 1;
	if (pacer->rate.kind != PLAN_RATE_PPS)
		cost = MAX(8 * plan_layer_bytes(pacer->stream, len, pacer->rate.layer), 1);
	return (wide)cost * pacer->ns_units;
}

static int64_t to_ns(const struct pacer *pacer, wide units)
{
	wide ns = units / pacer->rate_units;
	return ns < PACER_NEVER_NS ? (int64_t)ns : PACER_NEVER_NS;
}

/* Fewest packets a go with which hand-overs of @handover_ns keep up, a quarter of the time in hand
 * for catching up. */
static uint32_t fewest_back_to_back(const struct pacer *pacer)
{
	double group = ceil((double)pacer->handover_ns * 1.25 / pacer->gap_ns);
	return (uint32_t)MIN(MAX(group, 1.0), (double)PACER_GROUP_MAX);
}

/* Everything that follows from the rate. Nothing is changed unless it is one. */
static int apply_rate(struct pacer *pacer, const struct plan_rate *rate)
{
	bool unlimited = rate->kind == PLAN_RATE_UNLIMITED;
	uint64_t units = 0, scale = PACER_PPS_SCALE;
	double gap_ns = 0;
	if (!unlimited) {
		bool pps = rate->kind == PLAN_RATE_PPS;
		double value = pps ? rate->value : rate_bps(rate, pacer->line_bps);
		if (!isfinite(value) || value <= 0)
			return -EINVAL;
		scale = pps ? PACER_PPS_SCALE : PACER_BPS_SCALE;
		double scaled = MIN(MAX(value * (double)scale, 1.0), 9e18);
		units = (uint64_t)llround(scaled);
		double cost = pps ? 1 : pacer_mean_bits(pacer->stream, rate->layer);
		gap_ns = cost * (double)CLOCK_NS_PER_S * (double)scale / (double)units;
	}
	pacer->rate = *rate;
	pacer->unlimited = unlimited;
	pacer->rate_units = units;
	pacer->ns_units = (uint64_t)CLOCK_NS_PER_S * scale;
	pacer->gap_ns = gap_ns;
	pacer->group_least = unlimited		      ? 0
			     : rate->max_back_to_back ? MIN(rate->max_back_to_back, PACER_GROUP_MAX)
						      : fewest_back_to_back(pacer);
	pacer->group = pacer->group_least;
	pacer->shrink_after_ns = PACER_SHRINK_FIRST_NS;
	pacer->group_raised = false;
	pacer->goes_behind = pacer->goes_slow = 0;
	return 0;
}

int pacer_new(struct pacer **ret_pacer, const struct plan_stream *stream, int64_t handover_ns,
	      uint64_t line_bps)
{
	_cleanup_free_ struct pacer *pacer = calloc(1, sizeof *pacer);
	if (!pacer)
		return -ENOMEM;
	pacer->stream = stream;
	pacer->handover_ns = handover_ns;
	pacer->line_bps = line_bps;
	int result = apply_rate(pacer, &stream->rate);
	if (result < 0)
		return result;
	pacer_start(pacer, 0);
	*ret_pacer = TAKE_PTR(pacer);
	return 0;
}

struct pacer *pacer_free(struct pacer *pacer)
{
	free(pacer);
	return NULL;
}

void pacer_start(struct pacer *pacer, int64_t start_ns)
{
	pacer->due_ns = start_ns;
	pacer->due_rest = 0;
	pacer->gate_ns = INT64_MIN;
	pacer->burst_left = pacer->stream->burst.packets;
	pacer->between_bursts = false;
	pacer->started = pacer->last_comparable = pacer->paused = false;
	pacer->goes_behind = pacer->goes_slow = 0;
	pacer->late = pacer->forgiven = pacer->forgiven_owed = 0;
}

/* At twice the rate, a few packets are no flood: a slow stream may make up for so many, within a
 * second; and one is always made up for, or a stall of half a gap would move the schedule. */
static int64_t debt_allowed_ns(const struct pacer *pacer)
{
	double few_ns = MIN(pacer->gap_ns * PACER_FEW_PACKETS, (double)CLOCK_NS_PER_S);
	double allowed_ns = MAX(few_ns, pacer->gap_ns);
	allowed_ns = MAX(allowed_ns, (double)PACER_CATCH_UP_NS);
	return (int64_t)MIN(allowed_ns, (double)PACER_NEVER_NS);
}

/* Debt beyond the bound moves the schedule; the packets it stood for are late, whenever they leave.
 */
static void forgive(struct pacer *pacer, int64_t now_ns)
{
	int64_t allowed_ns = debt_allowed_ns(pacer);
	int64_t excess_ns = now_ns - pacer->due_ns - allowed_ns;
	if (excess_ns <= 0)
		return;
	pacer->due_ns += excess_ns;
	pacer->last_lag_ns -= excess_ns; /* the gap that grew keeps its error */
	uint64_t packets = (uint64_t)((double)excess_ns / pacer->gap_ns);
	pacer->forgiven += packets;
	pacer->forgiven_owed += packets;
}

int64_t pacer_next(struct pacer *pacer, int64_t now_ns, uint64_t *ret_packets)
{
	uint64_t packets = pacer->unlimited ? UINT64_MAX : pacer->group;
	if (pacer->unlimited && pacer->rate.max_back_to_back)
		packets = pacer->rate.max_back_to_back;
	if (pacer->stream->burst.packets)
		packets = MIN(packets, pacer->burst_left);
	*ret_packets = packets;
	if (pacer->paused)
		return INT64_MAX;
	if (pacer->unlimited)
		return pacer->due_ns;
	if (!pacer->between_bursts && now_ns - pacer->due_ns > PACER_CATCH_UP_NS)
		forgive(pacer, now_ns);
	return MAX(pacer->due_ns, pacer->gate_ns);
}

/* Move the schedule by @packets packets of @units each. */
static void advance(struct pacer *pacer, uint64_t packets, wide units)
{
	wide sum = units * packets + pacer->due_rest;
	int64_t ns = to_ns(pacer, sum);
	pacer->due_rest = (uint64_t)(sum % pacer->rate_units);
	pacer->due_ns = MIN(pacer->due_ns + ns, PACER_NEVER_NS);
}

/* Of a go, those late by the schedule, and of the others as many as are owed from before it moved.
 */
static void count_late(struct pacer *pacer, uint64_t packets, int64_t gap_ns, int64_t lag_ns)
{
	uint64_t late = 0;
	if (lag_ns > gap_ns) /* packet i of the go is late when lag - i * gap > gap */
		late = gap_ns ? MIN((uint64_t)((lag_ns - 1) / gap_ns), packets) : packets;
	uint64_t owed = MIN(packets - late, pacer->forgiven_owed);
	pacer->forgiven_owed -= owed;
	pacer->late += late + owed;
}

static void shrink_group(struct pacer *pacer)
{
	pacer->group = MAX(pacer->group / 2, pacer->group_least);
	pacer->group_raised = pacer->group > pacer->group_least;
	pacer->shrink_after_ns = MIN(pacer->shrink_after_ns * 2, PACER_SHRINK_MOST_NS);
	pacer->shrink_at_ns += pacer->shrink_after_ns;
}

static void raise_group(struct pacer *pacer, int64_t at_ns)
{
	pacer->group = MIN(pacer->group * 2, (uint32_t)PACER_GROUP_MAX);
	pacer->group_raised = true;
	pacer->shrink_at_ns = at_ns + pacer->shrink_after_ns;
}

/* While behind nothing waits, so the time between two goes is what a go costs. When most are no
 * faster than the rate, this size of group will never hold it. */
static void judge_group(struct pacer *pacer, int64_t lag_ns, int64_t at_ns)
{
	if (pacer->rate.max_back_to_back)
		return;
	if (lag_ns < PACER_JITTER_NS) {
		pacer->goes_behind = pacer->goes_slow = 0;
		if (pacer->group_raised && at_ns >= pacer->shrink_at_ns)
			shrink_group(pacer);
		return;
	}
	pacer->goes_behind++;
	if ((double)(at_ns - pacer->last_at_ns) > 0.95 * (double)pacer->last_span_ns)
		pacer->goes_slow++;
	if (pacer->goes_behind < PACER_GROW_GOES)
		return;
	if (pacer->goes_slow > PACER_GROW_GOES / 2 && pacer->group < PACER_GROUP_MAX)
		raise_group(pacer, at_ns);
	pacer->goes_behind = pacer->goes_slow = 0;
}

/* How much shorter than @span_ns, its time by the schedule, the next gap may be. Small lateness is
 * worn off, too little at a time to be a wrong gap; what is more costs as few wrong gaps as can be
 * without a flood. */
static int64_t catch_up_ns(int64_t lag_ns, int64_t span_ns)
{
	int64_t most_ns = span_ns / 2; /* twice the rate */
	int64_t jitter_ns = MAX(span_ns, (int64_t)PACER_WAKE_LATE_NS);
	if (lag_ns > MIN(jitter_ns, (int64_t)PACER_JITTER_NS))
		return most_ns;
	int64_t slew_ns = MAX(lag_ns / PACER_SLEW_OF_LAG, span_ns / PACER_SLEW_OF_GO);
	return MIN(MAX(slew_ns, (int64_t)PACER_SLEW_LEAST_NS), most_ns);
}

/* One go by the schedule. Return: its gap error, or -1. */
static int64_t advance_paced(struct pacer *pacer, uint64_t packets, uint32_t len, int64_t at_ns)
{
	wide units = packet_units(pacer, len);
	int64_t lag_ns = at_ns - pacer->due_ns, error_ns = -1;
	if (pacer->last_comparable)
		error_ns = llabs(lag_ns - pacer->last_lag_ns);
	count_late(pacer, packets, to_ns(pacer, units), lag_ns);
	if (pacer->started && !pacer->between_bursts)
		judge_group(pacer, lag_ns, at_ns);
	int64_t before_ns = pacer->due_ns;
	advance(pacer, packets, units);
	pacer->last_span_ns = pacer->due_ns - before_ns;
	int64_t span_ns = pacer->last_span_ns;
	pacer->gate_ns = at_ns + span_ns - catch_up_ns(lag_ns, span_ns);
	pacer->last_lag_ns = lag_ns;
	pacer->last_comparable = true;
	return error_ns;
}

static void end_burst(struct pacer *pacer, int64_t done_ns)
{
	pacer->burst_left = pacer->stream->burst.packets;
	pacer->due_ns =
		MIN(done_ns, PACER_NEVER_NS) + MIN(pacer->stream->burst.gap_ns, PACER_NEVER_NS);
	pacer->due_rest = 0;
	pacer->gate_ns = INT64_MIN;
	pacer->between_bursts = true;
	pacer->last_lag_ns = 0; /* the gap is measured from the real end */
}

int64_t pacer_handed_over(struct pacer *pacer, uint64_t packets, uint32_t len, int64_t at_ns,
			  int64_t done_ns)
{
	int64_t error_ns = -1;
	if (pacer->burst_left == pacer->stream->burst.packets)
		pacer->burst_ns = at_ns;
	if (!pacer->unlimited)
		error_ns = advance_paced(pacer, packets, len, at_ns);
	else if (pacer->between_bursts)
		error_ns = llabs(at_ns - pacer->due_ns);
	pacer->started = true;
	pacer->last_len = len;
	pacer->last_at_ns = at_ns;
	pacer->between_bursts = false;
	if (pacer->stream->burst.packets) {
		pacer->burst_left -= MIN(packets, pacer->burst_left);
		if (!pacer->burst_left)
			end_burst(pacer, done_ns);
	}
	return error_ns;
}

uint64_t pacer_due_before(const struct pacer *pacer, int64_t instant_ns, uint32_t len)
{
	if (instant_ns <= pacer->due_ns)
		return 0;
	if (pacer->unlimited)
		return UINT64_MAX;
	/* packets i >= 0 with due_rest + i * units < (instant - due) * rate_units */
	wide room = (wide)(uint64_t)(instant_ns - pacer->due_ns) * pacer->rate_units;
	if (room <= pacer->due_rest)
		return 0;
	wide units = packet_units(pacer, len);
	wide count = (room - pacer->due_rest + units - 1) / units;
	return count < UINT64_MAX ? (uint64_t)count : UINT64_MAX;
}

void pacer_blocked(struct pacer *pacer)
{
	pacer->goes_behind = pacer->goes_slow = 0;
}

/* The instant the last packet was due; where it left ahead of that, in a group, now at the latest.
 */
static int64_t last_packet_ns(const struct pacer *pacer, int64_t now_ns)
{
	if (pacer->unlimited)
		return pacer->last_at_ns;
	int64_t due_ns = pacer->due_ns - to_ns(pacer, packet_units(pacer, pacer->last_len));
	return MIN(due_ns, now_ns);
}

int pacer_set_rate(struct pacer *pacer, const struct plan_rate *rate, int64_t now_ns)
{
	if (pacer->paused)
		now_ns = pacer->paused_ns;
	int64_t last_ns = pacer->started ? last_packet_ns(pacer, now_ns) : 0;
	int result = apply_rate(pacer, rate);
	if (result < 0)
		return result;
	pacer->last_comparable = false;
	pacer->gate_ns = INT64_MIN;
	if (!pacer->started || pacer->between_bursts)
		return 0;
	pacer->due_ns = last_ns;
	pacer->due_rest = 0;
	if (!pacer->unlimited)
		advance(pacer, 1, packet_units(pacer, pacer->last_len));
	pacer->due_ns = MAX(pacer->due_ns, now_ns);
	return 0;
}

void pacer_pause(struct pacer *pacer, int64_t now_ns)
{
	if (pacer->paused)
		return;
	pacer->paused = true;
	pacer->paused_ns = now_ns;
}

void pacer_resume(struct pacer *pacer, int64_t now_ns)
{
	if (!pacer->paused)
		return;
	pacer->paused = false;
	int64_t span_ns = MAX(now_ns - pacer->paused_ns, INT64_C(0));
	pacer->due_ns = MIN(pacer->due_ns, PACER_NEVER_NS) + span_ns;
	pacer->last_at_ns += span_ns;
	if (pacer->gate_ns != INT64_MIN)
		pacer->gate_ns += span_ns;
	pacer->last_comparable = false;
}

bool pacer_unlimited(const struct pacer *pacer)
{
	return pacer->unlimited;
}

int64_t pacer_gap_ns(const struct pacer *pacer)
{
	return (int64_t)MIN(pacer->gap_ns * pacer->group, (double)PACER_NEVER_NS);
}

void pacer_report(const struct pacer *pacer, struct pacer_report *ret_report)
{
	*ret_report = (struct pacer_report){
		.late_packets = pacer->late,
		.forgiven_packets = pacer->forgiven,
		.max_back_to_back = pacer->group,
		.group_raised = pacer->group_raised,
	};
	if (pacer->unlimited)
		return;
	const struct plan_burst *burst = &pacer->stream->burst;
	double gap_ns = pacer->gap_ns;
	if (burst->packets && pacer->started) {
		ret_report->bursts_until_ns =
			pacer->between_bursts ? pacer->due_ns : pacer->burst_ns;
		ret_report->burst_rest =
			pacer->between_bursts ? 0 : burst->packets - pacer->burst_left;
	}
	if (burst->packets)
		gap_ns = (gap_ns * (burst->packets - 1) + (double)burst->gap_ns) / burst->packets;
	ret_report->requested_pps = (double)CLOCK_NS_PER_S / gap_ns;
	ret_report->requested_bps =
		ret_report->requested_pps * pacer_mean_bits(pacer->stream, pacer->rate.layer);
}
