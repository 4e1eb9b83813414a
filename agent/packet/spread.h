/*
 * spread: a stream's payloads, in turn, with sizes, in turn: the items of one pass, which ends
 * where both are at their start again. Pure.
 */
#pragma once
#include "packet/size.h"
#include "packet/stream_build.h"

struct spread { /* all owned by the caller */
	struct plan_item *items;
	size_t count;
	struct stream_source *sources; /* each payload at its longest or, not @prefixes, at each
					  length that it comes to have */
	size_t source_count;
};

/**
 * spread_items() - lay payloads and sizes side by side
 * @payloads: [count], count >= 1, each with its repeat; a single one is the same in any number
 * @sizes:    of count >= 1; a single one likewise
 * @prefixes: a shorter packet is the beginning of a longer one: no header says how long it is
 *
 * Return: 0 with *ret owned; -E2BIG: more than PLAN_PAYLOADS_MAX items; -ENOMEM.
 */
int spread_items(struct spread *ret, const struct plan_item *payloads, size_t count,
		 const struct sizes *sizes, bool prefixes);
