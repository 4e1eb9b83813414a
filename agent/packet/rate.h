/* rate: Rate and Burst of a spec. */
#pragma once
#include "packet/check.h"
#include "packet/plan.h"

/** rate_compile() - check a Rate below the path entered */
bool rate_compile(struct check *check, const Pagecast__V1__Rate *rate, struct plan_rate *ret);
/** burst_compile() - the same for a Burst */
void burst_compile(struct check *check, const Pagecast__V1__Burst *burst, struct plan_burst *ret);

/**
 * plan_rate_compile() - the same check for a Rate outside of a spec, as in UpdateJob
 * @field: path of the message for @ret_error, as "rate"
 *
 * Return: 0 with *ret_rate; an error_code (> 0) with @ret_error filled.
 */
int plan_rate_compile(const Pagecast__V1__Rate *rate, const char *field, struct plan_rate *ret_rate,
		      struct error *ret_error);
