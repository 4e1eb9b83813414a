/* pacer_rate: see pacer_rate.h. */
#include "sender/pacer_rate.h"

#include "base/clock.h"
#include "base/util.h"
#include "packet/layer.h"

#include <errno.h>
#include <math.h>

#define PPS_SCALE UINT64_C(1000000000)
#define BPS_SCALE UINT64_C(1000)

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

int pacer_rate_init(struct pacer_rate *rate, const struct plan_stream *stream,
		    const struct plan_rate *asked, uint64_t line_bps)
{
	if (asked->kind == PLAN_RATE_UNLIMITED) {
		*rate = (struct pacer_rate){.asked = *asked, .unlimited = true};
		return 0;
	}
	bool pps = asked->kind == PLAN_RATE_PPS;
	double value = pps ? asked->value : rate_bps(asked, line_bps);
	if (!isfinite(value) || value <= 0)
		return -EINVAL;
	uint64_t scale = pps ? PPS_SCALE : BPS_SCALE;
	uint64_t units = (uint64_t)llround(MIN(MAX(value * (double)scale, 1.0), 9e18));
	double cost = pps ? 1 : pacer_mean_bits(stream, asked->layer);
	*rate = (struct pacer_rate){
		.asked = *asked,
		.units = units,
		.ns_units = (uint64_t)CLOCK_NS_PER_S * scale,
		.gap_ns = cost * (double)CLOCK_NS_PER_S * (double)scale / (double)units,
	};
	return 0;
}

pacer_wide pacer_rate_cost(const struct pacer_rate *rate, const struct plan_stream *stream,
			   uint32_t len)
{
	uint64_t cost = 1;
	if (rate->asked.kind != PLAN_RATE_PPS)
		cost = MAX(8 * plan_layer_bytes(stream, len, rate->asked.layer), 1);
	return (pacer_wide)cost * rate->ns_units;
}

int64_t pacer_rate_ns(const struct pacer_rate *rate, pacer_wide cost)
{
	pacer_wide ns = cost / rate->units;
	return ns < PACER_NEVER_NS ? (int64_t)ns : PACER_NEVER_NS;
}
