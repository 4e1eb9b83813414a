/* engine_facts: what this machine can do, an engine at a time, in words. Thread: any. */
#pragma once
#include "pagecast/v1/job.pb-c.h"

#include <stdbool.h>
#include <stddef.h>

struct engine_fact {
	Pagecast__V1__EngineKind kind;
	bool available;
	char why[160];
	char facts[8][120];
	size_t fact_count;
};
enum { ENGINE_KINDS = 5 };

/** engine_facts() - the result of the probe, [ENGINE_KINDS]; static */
const struct engine_fact *engine_facts(void);

/** engine_facts_find() - those of one engine; NULL: unknown kind */
const struct engine_fact *engine_facts_find(Pagecast__V1__EngineKind kind);
