/* plan_compile: from the spec of a job to its plan; the only place where a spec's meaning is
 * decided. */
#pragma once
#include "packet/plan.h"

/**
 * plan_compile() - check a spec and turn it into a plan
 * @spec:      may hold anything the wire can carry; borrowed for as long as bytes of items are
 * asked for
 * @ret_plan:  owned by the caller, plan_free(); NULL: only check
 * @ret_error: all faults at once, one field path each ("streams[0].udp.port"); ERROR_NULL before
 *
 * What this version does not offer is refused by name, never ignored. Interfaces must exist
 * now, and what a FrameHeader leaves open is looked up now. Memory is counted before it is taken.
 * Thread: any. Return: 0; an error_code (> 0) with @ret_error filled: INVALID_ARGUMENT; NOT_FOUND
 * when unknown interfaces are the only faults; UNAVAILABLE: no memory.
 */
int plan_compile(const Pagecast__V1__JobSpec *spec, struct plan **ret_plan,
		 struct error *ret_error);

/**
 * plan_outline() - plan_compile() without memory for the bytes: plan_item_bytes() gives NULL,
 * plan_item_head() works
 *
 * Costs what the spec is long: submission checks the policy, the sum of the rates and how many
 * packets are asked for (the account of a job that is cancelled before it ran).
 */
int plan_outline(const Pagecast__V1__JobSpec *spec, struct plan **ret_plan,
		 struct error *ret_error);

/** plan_free() - NULL-safe. Return: NULL */
struct plan *plan_free(struct plan *plan);
