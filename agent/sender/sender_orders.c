/*
 * sender_orders: stop, pause, resume and new rates, from any thread; see sender_orders.h.
 *
 * A control call writes what is wanted, then raises the count of orders and wakes the worker
 * (sender_wait). The worker looks at the count before every hand-over and in every wait, so an
 * order is applied after one flow_send() at the latest.
 */
#include "sender/sender_orders.h"

#include "base/util.h"
#include "sender/sender_limit.h"
#include "sender/sender_pause.h"
#include "sender/sender_schedule.h"
#include "sender/sender_share.h"
#include "sender/sender_snapshot.h"

#include <math.h>

void sender_stop(struct sender *sender, enum sender_end why)
{
	int none = SENDER_RUNNING;
	atomic_compare_exchange_strong_explicit(&sender->stop, &none, (int)why,
						memory_order_release, memory_order_relaxed);
	sender_waiter_wake(&sender->waiter);
}

void sender_pause(struct sender *sender)
{
	atomic_store_explicit(&sender->pause_wanted, true, memory_order_release);
	sender_waiter_wake(&sender->waiter);
}

void sender_resume(struct sender *sender)
{
	atomic_store_explicit(&sender->pause_wanted, false, memory_order_release);
	sender_waiter_wake(&sender->waiter);
}

void sender_order_streams(struct sender *sender, const size_t *streams, size_t count,
			  enum sender_stream_order order)
{
	pthread_mutex_lock(&sender->rates_lock);
	for (size_t i = 0; i < count; i++) {
		struct sender_order *to = &sender->orders[streams[i]];
		if (!to->order_given || to->order != SENDER_STREAM_CANCEL)
			to->order = order;
		to->order_given = true;
	}
	pthread_mutex_unlock(&sender->rates_lock);
	atomic_store_explicit(&sender->orders_wanted, true, memory_order_release);
	sender_waiter_wake(&sender->waiter);
}

static int check_rate(const struct sender_stream *stream, const struct plan_rate *rate,
		      struct error *ret_error)
{
	switch (rate->kind) {
	case PLAN_RATE_UNLIMITED: return 0;
	case PLAN_RATE_LINE_PERCENT:
		if (!stream->path->line_bps)
			return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION,
					 "rate.linePercent: the line speed of %s is not known; "
					 "give pps or bps",
					 stream->field);
		break;
	case PLAN_RATE_PPS:
	case PLAN_RATE_BPS: break;
	}
	if (isfinite(rate->value) && rate->value > 0)
		return 0;
	return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
			 "rate: %.15g is not valid; it must be above 0", rate->value);
}

int sender_set_rate(struct sender *sender, size_t stream, const struct plan_rate *rate,
		    struct error *ret_error)
{
	if (stream != SIZE_MAX && stream >= sender->stream_count)
		return error_set(ret_error, ERROR_CODE_NOT_FOUND,
				 "stream: no such stream: %zu; the job has %zu", stream,
				 sender->stream_count);
	size_t first = stream == SIZE_MAX ? 0 : stream;
	size_t end = stream == SIZE_MAX ? sender->stream_count : stream + 1;
	for (size_t i = first; i < end; i++) {
		int result = check_rate(&sender->streams[i], rate, ret_error);
		if (result)
			return result;
	}
	struct plan_rate copy = *rate;
	if (copy.layer == PAGECAST__V1__LAYER__LAYER_UNSPECIFIED)
		copy.layer = PAGECAST__V1__LAYER__LAYER_L2;
	pthread_mutex_lock(&sender->rates_lock);
	for (size_t i = first; i < end; i++) {
		sender->orders[i].rate_given = true;
		sender->orders[i].rate = copy;
	}
	pthread_mutex_unlock(&sender->rates_lock);
	atomic_store_explicit(&sender->rates_wanted, true, memory_order_release);
	sender_waiter_wake(&sender->waiter);
	return 0;
}

static void take_rates(struct sender *sender, int64_t now_ns)
{
	pthread_mutex_lock(&sender->rates_lock);
	for (size_t i = 0; i < sender->stream_count; i++) {
		if (!sender->orders[i].rate_given)
			continue;
		sender->streams[i].asked = sender->orders[i].rate;
		sender->streams[i].rate_changes++;
		sender->orders[i].rate_given = false;
	}
	pthread_mutex_unlock(&sender->rates_lock);
	sender_share(sender, now_ns);
	sender_schedule_all(sender, now_ns);
}

static void take_stream_orders(struct sender *sender, int64_t now_ns)
{
	for (size_t i = 0; i < sender->stream_count; i++) {
		struct sender_stream *stream = &sender->streams[i];
		pthread_mutex_lock(&sender->rates_lock);
		struct sender_order taken = sender->orders[i];
		sender->orders[i].order_given = false;
		pthread_mutex_unlock(&sender->rates_lock);
		if (!taken.order_given || stream->state == SENDER_STREAM_ENDED)
			continue;
		switch (taken.order) {
		case SENDER_STREAM_PAUSE: sender_pause_stream(sender, stream, now_ns); break;
		case SENDER_STREAM_RESUME: sender_pause_resume(sender, stream, now_ns); break;
		case SENDER_STREAM_CANCEL: sender_pause_cancel(sender, stream, now_ns); break;
		}
	}
	sender_share(sender, now_ns);
	sender_schedule_all(sender, now_ns);
	sender_snapshot_publish(sender, now_ns);
}

void sender_limit(struct sender *sender, const struct sender_limits *limits)
{
	pthread_mutex_lock(&sender->rates_lock);
	sender->limits = *limits;
	pthread_mutex_unlock(&sender->rates_lock);
	atomic_store_explicit(&sender->limits_wanted, true, memory_order_release);
	sender_waiter_wake(&sender->waiter);
}

void sender_orders_set_deadline(struct sender *sender)
{
	int64_t left_ns = sender->max_duration_ns - sender->options.elapsed_ns;
	if (sender->max_duration_ns)
		sender->deadline_ns = sender->begun_ns + MAX(left_ns, 1);
}

static void take_limits(struct sender *sender, int64_t now_ns)
{
	pthread_mutex_lock(&sender->rates_lock);
	struct sender_limits limits = sender->limits;
	pthread_mutex_unlock(&sender->rates_lock);
	sender->options.max_pps = limits.max_pps;
	sender->options.max_bps_l2 = limits.max_bps_l2;
	sender->options.share_pps = limits.share_pps;
	sender->options.share_bps_l2 = limits.share_bps_l2;
	limiter_set(&sender->limiter, limits.max_pps, limits.max_bps_l2, now_ns);
	if (limits.max_duration_ns &&
	    (!sender->max_duration_ns || limits.max_duration_ns < sender->max_duration_ns)) {
		sender->max_duration_ns = limits.max_duration_ns;
		if (sender->started)
			sender_orders_set_deadline(sender);
	}
	sender_share(sender, now_ns);
	sender_schedule_all(sender, now_ns);
}

bool sender_orders_applied(const struct sender *sender)
{
	return atomic_load_explicit(&sender->job_done, memory_order_acquire) ||
	       atomic_load_explicit(&sender->orders_applied, memory_order_acquire) ==
		       atomic_load_explicit(&sender->waiter.orders, memory_order_acquire);
}

static void notify_applied(const struct sender *sender)
{
	if (sender->options.orders_applied)
		sender->options.orders_applied(sender->options.context);
}

void sender_orders_end(struct sender *sender)
{
	atomic_store_explicit(&sender->job_done, true, memory_order_release);
	notify_applied(sender);
}

static void take_orders(struct sender *sender, int64_t now_ns)
{
	/* Also ahead of an end: what is answered as done is done when the job goes on elsewhere. */
	if (atomic_exchange_explicit(&sender->orders_wanted, false, memory_order_acq_rel))
		take_stream_orders(sender, now_ns);
	int stop = atomic_load_explicit(&sender->stop, memory_order_acquire);
	if (stop != SENDER_RUNNING) {
		sender->end = (enum sender_end)stop;
		return;
	}
	if (atomic_exchange_explicit(&sender->rates_wanted, false, memory_order_acq_rel))
		take_rates(sender, now_ns);
	if (atomic_exchange_explicit(&sender->limits_wanted, false, memory_order_acq_rel))
		take_limits(sender, now_ns);
	bool pause = atomic_load_explicit(&sender->pause_wanted, memory_order_acquire);
	if (pause && !sender->paused)
		sender_pause_all(sender, now_ns);
	else if (!pause && sender->paused)
		sender_pause_end(sender, now_ns);
}

void sender_orders_apply(struct sender *sender, int64_t now_ns)
{
	sender->seen = sender_waiter_seen(&sender->waiter);
	sender_limit_release(sender, now_ns); /* what it was for may have changed */
	take_orders(sender, now_ns);
	atomic_store_explicit(&sender->orders_applied, sender->seen, memory_order_release);
	notify_applied(sender);
}
