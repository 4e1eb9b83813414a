/* preview_order: see preview_order.h. */
#include "core/calls/preview_order.h"

#include "base/util.h"
#include "sender/pacer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct lane { /* one stream */
	struct plan_stream
		plan; /* a copy whose line_percent became pps; the items are the plan's */
	struct wire_image_context image;
	bool has_image; /* it costs questions to the kernel: made for streams that are shown */
	struct pacer *pacer;
	struct plan_cursor cursor;
	uint64_t left;	/* packets until its limit; UINT64_MAX: no number */
	int64_t end_ns; /* of a limit by duration */
	int64_t due_ns; /* of the next packet */
};

struct preview_order {
	struct lane *lanes; /* [lane_count] */
	size_t lane_count;
	struct lane **heap; /* [heap_count] by due_ns, then as the spec has them */
	size_t heap_count;
};

struct preview_order *preview_order_free(struct preview_order *order)
{
	if (!order)
		return NULL;
	for (size_t i = 0; order->lanes && i < order->lane_count; i++)
		pacer_free(order->lanes[i].pacer);
	free(order->lanes);
	free(order->heap);
	free(order);
	return NULL;
}

/* ---- the heap ---- */

static bool before(const struct lane *a, const struct lane *b)
{
	return a->due_ns < b->due_ns || (a->due_ns == b->due_ns && a < b);
}

static void sink(struct preview_order *order, size_t at)
{
	struct lane *lane = order->heap[at];
	for (;;) {
		size_t child = 2 * at + 1;
		if (child >= order->heap_count)
			break;
		if (child + 1 < order->heap_count &&
		    before(order->heap[child + 1], order->heap[child]))
			child++;
		if (!before(order->heap[child], lane))
			break;
		order->heap[at] = order->heap[child];
		at = child;
	}
	order->heap[at] = lane;
}

/* The first to leave after the top one; NULL: it is alone. */
static const struct lane *second(const struct preview_order *order)
{
	if (order->heap_count < 2)
		return NULL;
	if (order->heap_count > 2 && before(order->heap[2], order->heap[1]))
		return order->heap[2];
	return order->heap[1];
}

/* ---- one stream ---- */

/* Return: has it a packet that will leave? */
static bool look(struct lane *lane)
{
	uint64_t packets;
	if (!lane->left)
		return false;
	lane->due_ns = pacer_next(lane->pacer, 0, &packets);
	return lane->due_ns < lane->end_ns;
}

static int init_lane(struct lane *lane, const struct plan_stream *plan, const struct sender *sender,
		     size_t index)
{
	const struct plan_limit *limit = &plan->limit;
	bool counted = limit->kind == PLAN_LIMIT_PACKETS || limit->kind == PLAN_LIMIT_BYTES;
	lane->plan = *plan;
	lane->left = counted ? limit->packets : UINT64_MAX;
	lane->end_ns = limit->kind == PLAN_LIMIT_DURATION
			       ? plan->start_delay_ns + limit->duration_ns
			       : INT64_MAX;
	if (plan->rate.kind == PLAN_RATE_LINE_PERCENT) { /* the sender knows the line */
		struct sender_report report;
		sender_report(sender, index, &report);
		lane->plan.rate.kind = PLAN_RATE_PPS;
		lane->plan.rate.value = report.requested_pps;
	}
	int r = pacer_new(&lane->pacer, &lane->plan, 0, 0);
	if (r == 0)
		pacer_start(lane->pacer, plan->start_delay_ns);
	return r;
}

int preview_order_new(struct preview_order **ret_order, const struct plan *plan,
		      const struct sender *sender)
{
	struct preview_order *order = calloc(1, sizeof *order);
	if (!order)
		return -ENOMEM;
	order->lane_count = plan->stream_count;
	order->lanes = calloc(plan->stream_count, sizeof *order->lanes);
	order->heap = calloc(plan->stream_count, sizeof(struct lane *));
	int r = order->lanes && order->heap ? 0 : -ENOMEM;
	for (size_t i = 0; !r && i < plan->stream_count; i++) {
		r = init_lane(&order->lanes[i], &plan->streams[i], sender, i);
		if (!r && look(&order->lanes[i]))
			order->heap[order->heap_count++] = &order->lanes[i];
	}
	if (r) {
		preview_order_free(order);
		return r;
	}
	for (size_t i = order->heap_count / 2; i-- > 0;)
		sink(order, i);
	*ret_order = order;
	return 0;
}

/* How many packets the top stream sends in a row, at most @most, of one length. */
static uint64_t run_of(const struct preview_order *order, uint64_t most)
{
	struct lane *lane = order->heap[0];
	const struct lane *next = second(order);
	const struct plan_item *item;
	uint64_t equal, at_once, due = 1;
	plan_peek_run(&lane->plan, &lane->cursor, &item, &equal);
	if (lane->plan.one_len || lane->plan.rate.kind != PLAN_RATE_BPS)
		equal = UINT64_MAX; /* a packet costs the same, whichever it is */
	pacer_next(lane->pacer, 0, &at_once);
	if (pacer_unlimited(lane->pacer))
		due = at_once; /* of several that are always due the first goes first */
	else if (!lane->plan.burst.packets) {
		int64_t until_ns = MIN(next ? next->due_ns : INT64_MAX, lane->end_ns);
		due = MAX(pacer_due_before(lane->pacer, until_ns, item->len), UINT64_C(1));
	}
	most = MIN(most, lane->left);
	most = MIN(most, equal);
	return MIN(most, due);
}

static void advance(struct preview_order *order, uint64_t packets)
{
	struct lane *lane = order->heap[0];
	const struct plan_item *item;
	uint64_t equal;
	plan_peek_run(&lane->plan, &lane->cursor, &item, &equal);
	pacer_handed_over(lane->pacer, packets, item->len, lane->due_ns, lane->due_ns);
	plan_skip(&lane->plan, &lane->cursor, packets);
	if (lane->left != UINT64_MAX)
		lane->left -= packets;
	if (!look(lane))
		order->heap[0] = order->heap[--order->heap_count];
	if (order->heap_count)
		sink(order, 0);
}

uint64_t preview_order_skip(struct preview_order *order, uint64_t packets)
{
	uint64_t skipped = 0;
	for (int steps = 0; skipped < packets && order->heap_count; steps++) {
		if (steps == PREVIEW_ORDER_STEPS_MAX)
			break;
		uint64_t run = run_of(order, packets - skipped);
		advance(order, run);
		skipped += run;
	}
	return skipped;
}

bool preview_order_peek(struct preview_order *order, struct preview_next *ret_next)
{
	if (!order->heap_count)
		return false;
	struct lane *lane = order->heap[0];
	uint64_t equal;
	if (!lane->has_image)
		wire_image_context_init(&lane->image, &lane->plan);
	lane->has_image = true;
	*ret_next = (struct preview_next){.stream = &lane->plan,
					  .image = &lane->image,
					  .number = lane->cursor.number,
					  .due_ns = lane->due_ns};
	plan_peek_run(&lane->plan, &lane->cursor, &ret_next->item, &equal);
	return true;
}

void preview_order_advance(struct preview_order *order)
{
	assert(order->heap_count);
	advance(order, 1);
}
