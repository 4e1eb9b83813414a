/*
 * pacer: see pacer.h. The due instant is whole ns plus due_rest / rate.units (pacer_rate.h); adding
 * a cost is one 128-bit division, and nothing is ever rounded.
 */
#include "sender/pacer.h"

#include "base/clock.h"
#include "base/util.h"
#include "sender/pacer_rate.h"

#include <errno.h>
#include <math.h>

enum {
	/* A stream that is late by less is not behind: stalls of the host cause that, even where it
	 * takes an eighth of the time. Hand-overs too slow for the rate make it later. */
	PACER_BEHIND_NS = PACER_CATCH_UP_NS / 8,
	PACER_BURST_BEHIND_NS = 1000000, /* each burst starts without a debt */
	/* Goes in a row while behind, after which "flat out is too slow" is believed. */
	PACER_GROW_GOES = 256,
	PACER_FEW_PACKETS = 16,	     /* of debt are no flood */
	PACER_WAKE_LATE_NS = 100000, /* of a wake-up: no reason to move the schedule */
	/* A gap is shortened by so many ns at least, or by this part of itself: what every wait is
	 * late by must not add up to a debt. */
	PACER_SLEW_LEAST_NS = 2000,
	PACER_SLEW_OF_GO = 50,
	/* A go is slow if it began this part of its time after it might have. */
	PACER_SLOW_OF_GO = 20,
};
/* The time constant with which the lost part of the time is learned, and forgotten by a stream that
 * is on time: below four times PACER_CATCH_UP_NS the rate would oscillate. */
#define PACER_LEARN_NS (4 * PACER_CATCH_UP_NS)
/* A core that was shared may be free again: a raised group is tried smaller after this long, then
 * after twice as long each time that fails. */
#define PACER_SHRINK_FIRST_NS CLOCK_NS_PER_S
#define PACER_SHRINK_MOST_NS  (64 * CLOCK_NS_PER_S)

struct pacer {
	const struct plan_stream *stream;
	int64_t handover_ns;
	uint64_t line_bps;
	struct pacer_rate rate;
	uint32_t group, group_least; /* packets a go; what handover_ns says is enough */
	bool group_raised;
	int64_t shrink_at_ns, shrink_after_ns;

	int64_t due_ns; /* next packet, by the schedule: due_ns + due_rest / rate.units */
	uint64_t due_rest;
	int64_t gate_ns; /* catching up: not before */
	double lost;	 /* part of the time that is lost again and again, as learned: 0 .. 1 */
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
	uint64_t forgiven_owed;	 /* forgiven packets that are still to leave, all of them late */
	double forgiven_rest_ns; /* forgiven, and not a packet yet */
};

/* Fewest packets a go with which hand-overs of @handover_ns keep up, a quarter of the time in hand
 * for catching up. */
static uint32_t fewest_back_to_back(const struct pacer *pacer)
{
	double group = ceil((double)pacer->handover_ns * 1.25 / pacer->rate.gap_ns);
	return (uint32_t)MIN(MAX(group, 1.0), (double)PACER_GROUP_MAX);
}

/* Everything that follows from the rate. Nothing is changed unless it is one. */
static int apply_rate(struct pacer *pacer, const struct plan_rate *rate)
{
	int result = pacer_rate_init(&pacer->rate, pacer->stream, rate, pacer->line_bps);
	if (result < 0)
		return result;
	bool unlimited = pacer->rate.unlimited;
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
	pacer->forgiven_rest_ns = pacer->lost = 0;
}

/* At twice the rate, a few packets are not a flood: a slow stream may make up for them, within a
 * second; and one is always made up for, or a stall of half a gap would move the schedule. */
static int64_t debt_allowed_ns(const struct pacer *pacer)
{
	double few_ns = MIN(pacer->rate.gap_ns * PACER_FEW_PACKETS, (double)CLOCK_NS_PER_S);
	double allowed_ns = MAX(few_ns, pacer->rate.gap_ns);
	allowed_ns = MAX(allowed_ns, (double)PACER_CATCH_UP_NS);
	return (int64_t)MIN(allowed_ns, (double)PACER_NEVER_NS);
}

/* Debt beyond @allowed_ns moves the schedule; the packets it stood for are late, whenever they
 * leave. */
static void forgive(struct pacer *pacer, int64_t now_ns, int64_t allowed_ns)
{
	int64_t excess_ns = now_ns - pacer->due_ns - allowed_ns;
	if (excess_ns <= 0)
		return;
	pacer->due_ns += excess_ns;
	pacer->last_lag_ns -= excess_ns; /* the gap that grew keeps its error */
	/* many small ones add up to packets, too */
	double gaps = ((double)excess_ns + pacer->forgiven_rest_ns) / pacer->rate.gap_ns;
	uint64_t packets = (uint64_t)gaps;
	pacer->forgiven_rest_ns = (gaps - (double)packets) * pacer->rate.gap_ns;
	pacer->forgiven += packets;
	pacer->forgiven_owed += packets;
}

static bool catches_up_by(const struct pacer *pacer, Pagecast__V1__CatchUp way)
{
	return pacer->rate.asked.catch_up == way;
}

/* What is due by now leaves at once, as many as may leave together. */
static uint64_t burst_of_debt(const struct pacer *pacer, int64_t now_ns, uint64_t group)
{
	uint32_t asked = pacer->rate.asked.max_back_to_back;
	uint64_t due = pacer_due_before(pacer, now_ns + 1, pacer->last_len);
	return MIN(MAX(due, group), asked ? asked : (uint64_t)PACER_GROUP_MAX);
}

int64_t pacer_next(struct pacer *pacer, int64_t now_ns, uint64_t *ret_packets)
{
	uint64_t packets = pacer->rate.unlimited ? UINT64_MAX : pacer->group;
	bool behind = !pacer->rate.unlimited && !pacer->between_bursts && !pacer->paused &&
		      now_ns > pacer->due_ns;
	if (behind && catches_up_by(pacer, PAGECAST__V1__CATCH_UP__CATCH_UP_FORGIVE))
		forgive(pacer, now_ns, PACER_WAKE_LATE_NS);
	else if (behind && now_ns - pacer->due_ns > PACER_CATCH_UP_NS)
		forgive(pacer, now_ns, debt_allowed_ns(pacer));
	if (behind && catches_up_by(pacer, PAGECAST__V1__CATCH_UP__CATCH_UP_BURST))
		packets = burst_of_debt(pacer, now_ns, packets);
	if (pacer->rate.unlimited && pacer->rate.asked.max_back_to_back)
		packets = pacer->rate.asked.max_back_to_back;
	if (pacer->stream->burst.packets)
		packets = MIN(packets, pacer->burst_left);
	*ret_packets = packets;
	if (pacer->paused)
		return INT64_MAX;
	if (pacer->rate.unlimited)
		return pacer->due_ns;
	return MAX(pacer->due_ns, pacer->gate_ns);
}

/* Move the schedule by @packets packets of @units each. */
static void advance(struct pacer *pacer, uint64_t packets, pacer_wide units)
{
	pacer_wide sum = units * packets + pacer->due_rest;
	int64_t ns = pacer_rate_ns(&pacer->rate, sum);
	pacer->due_rest = (uint64_t)(sum % pacer->rate.units);
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

/* A go that begins after it might have was not waited for: the time since the one before is what a
 * go costs. When most are no faster than the rate, this size of group will never hold it. */
static void judge_group(struct pacer *pacer, int64_t lag_ns, int64_t at_ns)
{
	if (pacer->rate.asked.max_back_to_back)
		return;
	if (lag_ns < (pacer->stream->burst.packets ? PACER_BURST_BEHIND_NS : PACER_BEHIND_NS)) {
		pacer->goes_behind = pacer->goes_slow = 0;
		if (pacer->group_raised && at_ns >= pacer->shrink_at_ns)
			shrink_group(pacer);
		return;
	}
	pacer->goes_behind++;
	bool waited = pacer->gate_ns != INT64_MIN &&
		      at_ns - pacer->gate_ns <= pacer->last_span_ns / PACER_SLOW_OF_GO;
	if (!waited && (double)(at_ns - pacer->last_at_ns) > 0.95 * (double)pacer->last_span_ns)
		pacer->goes_slow++;
	if (pacer->goes_behind < PACER_GROW_GOES)
		return;
	if (pacer->goes_slow > PACER_GROW_GOES / 2 && pacer->group < PACER_GROUP_MAX)
		raise_group(pacer, at_ns);
	pacer->goes_behind = pacer->goes_slow = 0;
}

/* Where a part of the time is lost again and again, gaps must be shorter by that part, or a debt
 * would stand for good: what stands is learned, and forgotten on time. @due_ns: by the schedule */
static void learn_loss(struct pacer *pacer, int64_t lag_ns, int64_t span_ns, int64_t due_ns)
{
	double weight = MIN((double)span_ns / PACER_LEARN_NS, 1.0);
	if (pacer->gate_ns > due_ns)
		pacer->lost += weight * MIN((double)lag_ns / PACER_CATCH_UP_NS, 1.0);
	else
		pacer->lost -= weight * pacer->lost;
	pacer->lost = MIN(pacer->lost, 1.0);
}

/* How much shorter than @span_ns, its time by the schedule, the next gap may be: in proportion to
 * the debt, so that a stall spoils its own gap and hardly another, and by what is lost lastingly;
 * at most half, twice the rate. */
static int64_t catch_up_ns(const struct pacer *pacer, int64_t lag_ns, int64_t span_ns)
{
	int64_t most_ns = span_ns / 2;
	if (catches_up_by(pacer, PAGECAST__V1__CATCH_UP__CATCH_UP_BURST))
		return pacer->rate.asked.max_back_to_back ? most_ns : span_ns;
	double part = MAX((double)lag_ns, 0.0) / (double)PACER_CATCH_UP_NS + pacer->lost;
	int64_t wanted_ns = (int64_t)((double)span_ns * part / (1 + part));
	int64_t least_ns = MIN((int64_t)PACER_SLEW_LEAST_NS, span_ns / PACER_SLEW_OF_GO);
	return MIN(MAX(wanted_ns, least_ns), most_ns);
}

/* One go by the schedule. Return: its gap error, or -1. */
static int64_t advance_paced(struct pacer *pacer, uint64_t packets, uint32_t len, int64_t at_ns)
{
	pacer_wide units = pacer_rate_cost(&pacer->rate, pacer->stream, len);
	int64_t lag_ns = at_ns - pacer->due_ns, error_ns = -1;
	if (pacer->last_comparable)
		error_ns = llabs(lag_ns - pacer->last_lag_ns);
	count_late(pacer, packets, pacer_rate_ns(&pacer->rate, units), lag_ns);
	if (pacer->started && !pacer->between_bursts)
		judge_group(pacer, lag_ns, at_ns);
	int64_t before_ns = pacer->due_ns;
	advance(pacer, packets, units);
	pacer->last_span_ns = pacer->due_ns - before_ns;
	int64_t span_ns = pacer->last_span_ns;
	learn_loss(pacer, lag_ns, span_ns, before_ns);
	pacer->gate_ns = at_ns + span_ns - catch_up_ns(pacer, lag_ns, span_ns);
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
	if (!pacer->rate.unlimited)
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
	if (pacer->rate.unlimited)
		return UINT64_MAX;
	/* packets i >= 0 with due_rest + i * units < (instant - due) * rate.units */
	pacer_wide room = (pacer_wide)(uint64_t)(instant_ns - pacer->due_ns) * pacer->rate.units;
	if (room <= pacer->due_rest)
		return 0;
	pacer_wide units = pacer_rate_cost(&pacer->rate, pacer->stream, len);
	pacer_wide count = (room - pacer->due_rest + units - 1) / units;
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
	if (pacer->rate.unlimited)
		return pacer->last_at_ns;
	int64_t due_ns = pacer->due_ns -
			 pacer_rate_ns(&pacer->rate, pacer_rate_cost(&pacer->rate, pacer->stream,
								     pacer->last_len));
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
	if (!pacer->rate.unlimited)
		advance(pacer, 1, pacer_rate_cost(&pacer->rate, pacer->stream, pacer->last_len));
	pacer->due_ns = MAX(pacer->due_ns, now_ns);
	return 0;
}

int64_t pacer_postpone(struct pacer *pacer, int64_t until_ns)
{
	if (pacer->rate.unlimited || pacer->paused || until_ns <= pacer->due_ns)
		return 0;
	int64_t span_ns = until_ns - pacer->due_ns;
	pacer->due_ns += span_ns;
	pacer->last_comparable = false;
	return span_ns;
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
	return pacer->rate.unlimited;
}

void pacer_report(const struct pacer *pacer, struct pacer_report *ret_report)
{
	*ret_report = (struct pacer_report){
		.late_packets = pacer->late,
		.forgiven_packets = pacer->forgiven,
		.max_back_to_back = pacer->group,
		.group_raised = pacer->group_raised,
	};
	if (pacer->rate.unlimited)
		return;
	const struct plan_burst *burst = &pacer->stream->burst;
	double gap_ns = pacer->rate.gap_ns;
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
		ret_report->requested_pps * pacer_mean_bits(pacer->stream, pacer->rate.asked.layer);
}
