/* pacer_lab: streams and senders in virtual time, for the tests of the pacer. */
#pragma once
#include "base/clock.h"
#include "lib/test.h"
#include "sender/pacer.h"

enum { HANDOVER_NS = 2500 };
#define HOUR_NS (3600 * CLOCK_NS_PER_S)

static struct plan_item one_item[] = {{.len = 100, .repeat = 1}};

static inline struct plan_stream stream_of(enum plan_rate_kind kind, double value)
{
	return (struct plan_stream){
		.destination = {.kind = PLAN_UDP, .family = AF_INET},
		.items = one_item,
		.item_count = 1,
		.pass_packets = 1,
		.pass_bytes = 100,
		.len_max = 100,
		.one_len = true,
		.overhead_l3 = 28,
		.rate = {.kind = kind, .value = value, .layer = PAGECAST__V1__LAYER__LAYER_L2},
		.limit = {.kind = PLAN_LIMIT_NONE},
	};
}

static inline struct pacer *pacer_for(const struct plan_stream *stream)
{
	struct pacer *pacer;
	CHECK_INT(pacer_new(&pacer, stream, HANDOVER_NS, UINT64_C(1000000000)), ==, 0);
	pacer_start(pacer, 0);
	return pacer;
}

/* One hand-over by a sender that is never late and takes no time. Return: when. */
static inline int64_t step(struct pacer *pacer, int64_t *now_ns, uint64_t *ret_packets)
{
	uint64_t packets;
	int64_t due_ns = pacer_next(pacer, *now_ns, &packets);
	if (due_ns > *now_ns)
		*now_ns = due_ns;
	CHECK_INT(pacer_next(pacer, *now_ns, &packets), <=, *now_ns);
	pacer_handed_over(pacer, packets, 100, *now_ns, *now_ns);
	if (ret_packets)
		*ret_packets = packets;
	return *now_ns;
}

/* A sender whose clock runs on by what a hand-over costs, as it goes. Counts, and checks the gaps.
 */
struct run {
	struct pacer *pacer;
	int64_t now_ns, cost_ns;
	int64_t last_ns, shortest_gap_ns;
	uint64_t sent;
	uint64_t most;
};

static inline void run_until(struct run *run, int64_t until_ns)
{
	for (;;) {
		uint64_t packets;
		int64_t due_ns = pacer_next(run->pacer, run->now_ns, &packets);
		if (due_ns > until_ns || run->now_ns > until_ns)
			return;
		if (due_ns > run->now_ns)
			run->now_ns = due_ns;
		int64_t at_ns = run->now_ns;
		run->now_ns += run->cost_ns;
		pacer_handed_over(run->pacer, packets, 100, at_ns, run->now_ns);
		if (run->sent && at_ns - run->last_ns < run->shortest_gap_ns)
			run->shortest_gap_ns = at_ns - run->last_ns;
		run->last_ns = at_ns;
		run->sent += packets;
		run->most = packets > run->most ? packets : run->most;
	}
}

static inline struct run run_of(struct pacer *pacer)
{
	return (struct run){.pacer = pacer, .cost_ns = 2000, .shortest_gap_ns = INT64_MAX};
}
