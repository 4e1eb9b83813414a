/*
 * train: packets packed into pages, as the sequence in which they leave.
 *
 * A train is `segments` packets of `segment_bytes` each, back to back from `offset`. A train of
 * more than one segment starts on a page boundary, so that any of its sub-runs fits the fragment
 * limit of an skb. A lone packet may start anywhere, but is placed so that it covers no more than
 * TRAIN_PIPE_BUFFERS pages, and from an even place if it covers two (tests/kernel: some kernels sum
 * odd pieces wrong). `struct trains` is a sealed arena with its trains. A cyclic one (a
 * template) stands for the endless sequence; otherwise it is one filling of a fresh arena, and the
 * next filling replaces the arena. Thread: one worker.
 */
#pragma once
#include "engine/pages.h"
#include "packet/plan.h"

enum {
	TRAIN_SEGMENTS_MAX = 128,      /* UDP_MAX_SEGMENTS; the probe may find fewer */
	TRAIN_SEGMENTS_OLDER_MAX = 64, /* UDP_MAX_SEGMENTS before Linux 6.9 */
	TRAIN_PIPE_BUFFERS = 16,       /* one splice() reads this many pipe buffers into one send */
	/* What a train carries: 16 pages, less room for headers. An skb that is not shorter than
	 * the device's gso_max_size (65,536, with the link header) is cut in software. */
	TRAIN_BYTES_MAX = 65024,
	TRAIN_TEMPLATE_BYTES_MAX = 32 << 20, /* a longer pass goes through fresh arenas */
	TRAIN_TEMPLATE_TRAINS_MAX = 1 << 18, /* the list of them stays within 3 MiB */
	TRAIN_TEMPLATE_HUGE_PAGES = 8,	     /* a train of more pages gains by huge ones (bench) */
	TRAIN_TEMPLATE_FULL =
		16, /* trains: with these a short last one costs little: no more passes */
	TRAIN_TEMPLATE_LONE = 256,     /* lone packets: fill one hand-over */
	TRAIN_FRESH_BYTES = 2 << 20,   /* one huge page */
	TRAIN_FRESH_TRAINS_MAX = 8192, /* of one filling: tiny lone packets end it earlier */
};

struct train {
	uint32_t offset;	/* in the arena */
	uint32_t segment_bytes; /* 0: empty datagrams, no bytes in the arena */
	uint32_t segments;	/* >= 1 */
};

/* What the path takes, from the probe and the route; decides how trains are cut. */
struct train_limits {
	uint32_t segments_max;	    /* 1: no trains */
	uint32_t segment_bytes_max; /* longest datagram that may be a segment (path MTU less
				       headers) */
	uint32_t page_offset;	    /* PAGE_PER_PACKET: one packet a page at this offset; else 0 */
	bool page_per_packet;
	bool huge;  /* much will leave at full speed: a huge page for its template is well spent,
		       because the kernel takes references to many of its pages at once */
	bool blank; /* a preview: trains are cut, their bytes are not written and never sent */
};

struct trains {
	struct pages pages;   /* nothing mapped where all packets are empty */
	struct train *trains; /* [count] */
	size_t count;
	uint64_t packets; /* in all trains */
	bool cyclic;
	uint32_t slot; /* which of the stream's fillings, of those that take turns (engine.h) */
	struct plan_cursor first; /* where it was packed from; and by which limits */
	struct train_limits limits;
	bool uniform; /* cyclic, and every packet is the same: one train stands for all, and the
			 cursor never leaves its start */
};

struct train_cursor {
	size_t train;
	uint32_t segment; /* next segment of that train */
};

#define TRAINS_NULL ((struct trains){.pages = PAGES_NULL})

/**
 * trains_pack() - fill a new arena from @cursor on, seal it
 * @stream:  what to pack; borrowed
 * @limits:  how trains are cut
 * @cursor:  in: where to start; out: behind the last packet packed (unchanged for a template)
 * @packets_max: >= 1; no more than this many (the rest of the job's limit)
 *
 * A stream whose passes fit TRAIN_TEMPLATE_BYTES_MAX, and whose packets are the same in each pass,
 * becomes a cyclic template: as many whole
 * passes as make every train full (equal sizes), or TRAIN_TEMPLATE_FULL trains; at least one. Less
 * than a pass left, or longer passes: one fresh arena is filled.
 * Return: 0 with *ret_trains owned (trains_retire()); negative errno; -EMSGSIZE: a packet that does
 * not fit its page (PAGE_PER_PACKET), refused by the plan before.
 */
int trains_pack(struct trains *ret_trains, const struct plan_stream *stream,
		const struct train_limits *limits, struct plan_cursor *cursor,
		uint64_t packets_max);

/**
 * trains_refill() - trains_retire() and trains_pack(), the arena renewed where both fill a whole
 * one
 * @trains:  TRAINS_NULL, or packed before; lent to no flow any more
 * @rewrite: the kernel holds nothing of it: its pages may be written again. Where the same items
 *           lie in the same places, only what differs is.
 *
 * Return: as trains_pack(), with *trains owned; on failure it is TRAINS_NULL.
 */
int trains_refill(struct trains *trains, const struct plan_stream *stream,
		  const struct train_limits *limits, struct plan_cursor *cursor,
		  uint64_t packets_max, bool rewrite);

/** trains_at_end() - true when a fresh filling is used up; never for a template */
bool trains_at_end(const struct trains *trains, const struct train_cursor *cursor);

/**
 * trains_peek() - what leaves next: the rest of the train at @cursor, at most @packets_max (>= 1)
 * of it. Not at the end.
 */
struct train trains_peek(const struct trains *trains, const struct train_cursor *cursor,
			 uint64_t packets_max);

/** trains_advance() - move @cursor by @packets, wrapping in a template; a filling ends at its end
 */
void trains_advance(const struct trains *trains, struct train_cursor *cursor, uint64_t packets);

/**
 * trains_stamp() - the @packets at @cursor get their stamps
 * @number:     of the first of them in its stream
 * @trains_max: the most trains to stamp
 * @time_ns:    CLOCK_REALTIME
 *
 * Just ahead of handing them over: the one write to a sealed arena, and only to packets that were
 * not handed over yet. What is not taken then is stamped again. Return: how many have it.
 */
uint64_t trains_stamp(struct trains *trains, const struct plan_stream *stream,
		      const struct train_cursor *cursor, uint64_t number, uint64_t packets,
		      size_t trains_max, int64_t time_ns);

/** trains_longest() - packets of the longest train that has bytes; 0: none has */
uint32_t trains_longest(const struct trains *trains);

void trains_retire(struct trains *trains);

static inline uint32_t train_bytes(const struct train *train)
{
	return train->segment_bytes * train->segments; /* <= 65,527: no overflow */
}
