/* demand: see demand.h. */
#include "policy/demand.h"

#include "packet/layer.h"

#include <stdio.h>

/* What one stream asks for. Return: false when it has no rate of its own. */
static bool stream_demand(const struct plan_stream *stream, double *ret_pps, double *ret_bps_l2)
{
	double bytes_l2 = 0, bytes_layer = 0;
	for (size_t i = 0; i < stream->item_count; i++) {
		const struct plan_item *item = &stream->items[i];
		double repeat = item->repeat;
		bytes_l2 += repeat * (double)plan_layer_bytes(stream, item->len,
							      PAGECAST__V1__LAYER__LAYER_L2);
		bytes_layer +=
			repeat * (double)plan_layer_bytes(stream, item->len, stream->rate.layer);
	}
	double packets = (double)stream->pass_packets, pps = 0;
	if (stream->rate.kind == PLAN_RATE_PPS)
		pps = stream->rate.value;
	else if (stream->rate.kind == PLAN_RATE_BPS && bytes_layer > 0)
		pps = stream->rate.value / (8 * bytes_layer / packets);
	else
		return false;
	*ret_pps = pps;
	*ret_bps_l2 = pps * 8 * bytes_l2 / packets;
	return true;
}

void policy_demand(const struct plan *plan, struct policy_demand *ret_demand)
{
	struct policy_demand demand = {0};
	for (size_t i = 0; i < plan->stream_count; i++) {
		double pps, bps_l2;
		if (!stream_demand(&plan->streams[i], &pps, &bps_l2)) {
			demand.unlimited = true;
			continue;
		}
		demand.pps += pps;
		demand.bps_l2 += bps_l2;
	}
	*ret_demand = demand;
}

static void judge_sum(struct verdict *verdict, double asked, double allowed, const char *unit,
		      const char *rule)
{
	static const double ROUNDING = 1 + 1e-9;
	if (allowed > 0 && asked > allowed * ROUNDING)
		verdict_forbid(verdict, verdict->field[0] ? ".rate" : "streams", rule,
			       "%s %.15g %s, more than the policy's %s of %.15g",
			       verdict->field[0] ? "asks for" : "together ask for", asked, unit,
			       rule, allowed);
}

void demand_judge(struct verdict *verdict, const struct plan *plan)
{
	const Pagecast__V1__Policy *message = verdict->policy->message;
	struct policy_demand demand;
	policy_demand(plan, &demand);
	verdict->field[0] = '\0';
	if (plan->stream_count == 1)
		snprintf(verdict->field, sizeof verdict->field, "streams[0]");
	judge_sum(verdict, demand.pps, message->max_pps, "packets a second", "maxPps");
	judge_sum(verdict, demand.bps_l2, message->max_bps_l2, "bits a second (layer 2)",
		  "maxBpsL2");
	judge_sum(verdict, demand.pps, message->max_total_pps, "packets a second", "maxTotalPps");
	judge_sum(verdict, demand.bps_l2, message->max_total_bps_l2, "bits a second (layer 2)",
		  "maxTotalBpsL2");
}
