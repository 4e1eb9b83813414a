/* rate: see rate.h. */
#include "packet/rate.h"

static void compile_pps(struct check *check, double pps, struct plan_rate *ret)
{
	ret->kind = PLAN_RATE_PPS;
	ret->value = pps;
	if (!(pps >= PLAN_PPS_MIN && pps <= PLAN_PPS_MAX)) /* NaN too */
		check_fault(check, "pps", "%.15g is not between %.15g and %.15g", pps, PLAN_PPS_MIN,
			    PLAN_PPS_MAX);
}

static void compile_kind(struct check *check, const Pagecast__V1__Rate *rate, struct plan_rate *ret)
{
	switch (rate->kind_case) {
	case PAGECAST__V1__RATE__KIND_PPS: compile_pps(check, rate->pps, ret); break;
	case PAGECAST__V1__RATE__KIND_BPS:
		ret->kind = PLAN_RATE_BPS;
		ret->value = (double)rate->bps;
		check_range(check, "bps", rate->bps, 1, PLAN_BPS_MAX);
		break;
	case PAGECAST__V1__RATE__KIND_LINE_PERCENT:
		ret->kind = PLAN_RATE_LINE_PERCENT;
		ret->value = rate->line_percent;
		if (!(rate->line_percent > 0 && rate->line_percent <= 100))
			check_fault(check, "linePercent", "%.15g is not above 0 and at most 100",
				    rate->line_percent);
		break;
	case PAGECAST__V1__RATE__KIND_UNLIMITED:
		ret->kind = PLAN_RATE_UNLIMITED;
		if (!rate->unlimited)
			check_fault(check, "unlimited",
				    "false: must be true if set; give another rate instead");
		break;
	default:
		ret->kind = PLAN_RATE_UNLIMITED; /* as a stream without a rate */
		if (rate->max_back_to_back)
			break;
		check_fault(check, "",
			    "empty: give one of pps, bps, linePercent, unlimited, or leave it out");
	}
}

bool rate_compile(struct check *check, const Pagecast__V1__Rate *rate, struct plan_rate *ret)
{
	size_t before = check_count(check);
	*ret = (struct plan_rate){.kind = PLAN_RATE_UNLIMITED,
				  .layer = PAGECAST__V1__LAYER__LAYER_L2,
				  .catch_up = PAGECAST__V1__CATCH_UP__CATCH_UP_PROPORTIONAL};
	if (!rate)
		return true;
	compile_kind(check, rate, ret);
	check_enum(check, "layer", &pagecast__v1__layer__descriptor, rate->layer);
	if (rate->layer)
		ret->layer = rate->layer;
	check_enum(check, "catchUp", &pagecast__v1__catch_up__descriptor, rate->catch_up);
	if (rate->catch_up)
		ret->catch_up = rate->catch_up;
	ret->max_back_to_back = rate->max_back_to_back;
	return check_count(check) == before;
}

int plan_rate_compile(const Pagecast__V1__Rate *rate, const char *field, struct plan_rate *ret_rate,
		      struct error *ret_error)
{
	struct check check = {.error = ret_error};
	struct plan_rate compiled;
	check_enter(&check, "%s", field);
	bool valid = rate_compile(&check, rate, &compiled);
	check_finish(&check);
	if (!valid)
		return (int)ret_error->code;
	*ret_rate = compiled;
	return 0;
}

void burst_compile(struct check *check, const Pagecast__V1__Burst *burst, struct plan_burst *ret)
{
	if (!burst)
		return;
	size_t mark = check_enter(check, "burst");
	check_range(check, "packets", burst->packets, 1, UINT32_MAX);
	if (!burst->gap)
		check_fault(check, "gap",
			    "missing: how long from the end of a burst to the next, as \"0.01s\"");
	else
		check_duration(check, "gap", burst->gap, 1, &ret->gap_ns);
	ret->packets = burst->packets;
	check_leave(check, mark);
}
