/*
 * modify: numbers in a payload that change from one packet to the next. What a packet carries
 * follows from its number alone: the first is 0, also after a restart. Pure, but for the list's
 * memory.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "pagecast/v1/job_spec.pb-c.h"

struct check; /* packet/check.h */

enum { MODIFIERS_MAX = 32 /* of a stream */, MODIFIER_VALUES_MAX = 65536 /* of a list */ };

enum modifier_kind { MODIFIER_COUNTER, MODIFIER_RANDOM, MODIFIER_LIST };

struct modifier {
	uint32_t offset; /* in the payload; in the frame for Ethernet */
	uint8_t bytes;	 /* 1, 2, 4 or 8, in network byte order */
	uint64_t mask;	 /* only these bits are written */
	uint32_t every;	 /* it moves once in so many packets; >= 1 */
	enum modifier_kind kind;
	uint64_t start, step, count; /* COUNTER; count 0: it never starts over */
	uint64_t min, max, seed;     /* RANDOM */
	const uint64_t *values;	     /* LIST: [value_count], of the spec */
	size_t value_count;
};

struct modify_bounds { /* where modifiers may be, in bytes of the shortest packet */
	uint32_t from; /* headers that are built or judged end here */
	uint32_t to;   /* the stamp, or the packet's end */
	const char *from_what, *to_what; /* for the faults: "the IP header", "the stamp begins" */
};

/**
 * modify_compile() - check "modifiers", of the stream that @check stands at
 * @ret_modifiers: [MODIFIERS_MAX]; filled up to *ret_count. Its lists are the spec's
 */
void modify_compile(struct check *check, Pagecast__V1__Modifier *const *spec, size_t count,
		    const struct modify_bounds *bounds, struct modifier *ret_modifiers,
		    size_t *ret_count);

/** modify_value() - what @modifier has in packet @number, not masked yet */
uint64_t modify_value(const struct modifier *modifier, uint64_t number);

/**
 * modify_packets() - write all of them, in their order, into @packets from @number on
 * @bytes: of the first packet; the others lie @stride bytes apart
 */
void modify_packets(const struct modifier *modifiers, size_t count, uint64_t number,
		    uint64_t packets, uint8_t *bytes, size_t stride);
