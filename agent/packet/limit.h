/* limit: when a stream has sent enough. Loops, bytes and "one pass" become packets here, in
 * arithmetic that refuses where it would overflow. */
#pragma once
#include "packet/check.h"
#include "packet/plan.h"

/**
 * limit_compile() - check a Limit below the path entered
 * @limit:  NULL: one pass
 * @stream: its items and pass are known (or @counted is false: they had faults); gets its limit
 */
void limit_compile(struct check *check, const Pagecast__V1__Limit *limit, bool counted,
		   struct plan_stream *stream);
