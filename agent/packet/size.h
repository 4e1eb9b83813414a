/*
 * size: a Size compiled: the lengths that a stream's packets have in turn, over and over.
 *
 * One cycle is a list of runs: for a range each of its sizes once, for a mix each size as often as
 * its weight says, exactly. Which comes after which follows from the seed alone, so any packet's
 * length is known from its number.
 */
#pragma once
#include "packet/check.h"
#include "packet/plan.h"

enum {
	SIZE_CYCLE_MAX = 65536,	  /* sizes drawn in a cycle: the sum of a mix's weights */
	SIZE_RUN_MAX = 1024,	  /* packets that one draw stands for */
	SIZE_RUN_UNLIMITED = 128, /* without a rate: as many as the longest train has */
};

struct size_run {
	uint32_t len; /* a packet's own bytes, with the headers that are built here */
	uint32_t times;
};

struct sizes {		       /* zeroed: payloads keep their length */
	struct size_run *runs; /* [count], owned */
	size_t count;
	uint64_t packets; /* of a cycle */
	uint32_t len_min;
};

struct size_bounds { /* of a packet's own bytes */
	uint32_t min, max;
	uint32_t page_room; /* PAGE_PER_PACKET: no more than this; 0: PACKED */
};

/**
 * sizes_compile() - check "size", below which @check stands
 * @stream: its destination is compiled; for what a layer counts
 * @paced:  the stream has a rate: a draw of a mix is one packet unless maxRun says otherwise
 *
 * Return: 0 with *ret_sizes owned (sizes_deinit()), of count 0 where there were faults; -ENOMEM.
 */
int sizes_compile(struct check *check, const Pagecast__V1__Size *size,
		  const struct plan_stream *stream, const struct size_bounds *bounds, bool paced,
		  struct sizes *ret_sizes);
void sizes_deinit(struct sizes *sizes);

/** size_fits() - may a packet have @len? Otherwise a fault of @from, where its length comes from */
bool size_fits(struct check *check, const struct plan_stream *stream,
	       const struct size_bounds *bounds, uint64_t len, const char *from);
