/*
 * engine: the ways by which packets reach the kernel, behind one contract. engine_choice.h decides
 * which, engine_<name>.c is one each, engine_words.h puts into words what they did.
 *
 * An engine (one a job and worker) owns what its streams share: pipes, scratch, ring. A flow (one a
 * stream) owns the connected socket. flow_send() hands over packets from a position in a sealed
 * arena and says exactly what became of them: everything it reports as sent was taken by the
 * kernel, everything else is still to be decided by the caller. Between two calls nothing is left
 * inside: no byte in a pipe, no frame in a ring that could leave later or with another job. Thread:
 * one worker. Never blocks longer than a system call on a non-blocking descriptor takes.
 */
#pragma once
#include "base/problem.h"
#include "engine/engine_path.h"
#include "engine/icmp_cause.h"
#include "engine/train.h"
#include "net/net_ip.h"
#include "packet/plan.h"

#include <stdbool.h>
#include <stdint.h>

#include "pagecast/v1/job.pb-c.h"

struct engine;
struct flow;

struct engine_counters { /* real: what was called, what the kernel was handed */
	uint64_t syscalls;
	uint64_t pages; /* those of each vmsplice(), of each slot of a ring */
};

enum engine_outcome {
	ENGINE_DONE,	/* all that was asked was sent */
	ENGINE_FULL,	/* no room (EAGAIN, ENOBUFS) at the cursor: wait and call again, or drop */
	ENGINE_REFUSED, /* `refused` packets at the cursor were refused with `error`: account and
			   skip them */
};

struct engine_result {
	enum engine_outcome outcome;
	uint64_t sent;	  /* packets taken; the cursor was moved behind them */
	uint64_t bytes;	  /* their payload (frame) bytes */
	uint64_t refused; /* ENGINE_REFUSED: packets the cursor was moved over without sending */
	uint64_t longest_burst; /* most packets handed over by one system call */
	int error;		/* positive errno of FULL (EAGAIN, ENOBUFS) or REFUSED */
};

/* Errors that arrive for a flow after the send: ICMP, neighbour failures. */
struct flow_async_errors { /* what the network said of packets that were sent */
	uint64_t causes[ICMP_CAUSE_COUNT];
	union net_ip
		senders[ICMP_CAUSE_COUNT]; /* of the last error of each; AF_UNSPEC: not known */
	int last_error;
};

/** engine_new() - pipes and scratch; allocates, sends nothing. Return: 0; negative errno */
int engine_new(struct engine **ret_engine, Pagecast__V1__EngineKind kind, const struct plan *plan);
struct engine *engine_free(struct engine *engine);

/**
 * flow_open() - socket, bind, connect, options for one stream
 * @problems: gets what went wrong, with @field
 *
 * Return: 0; negative errno, with a problem in @problems.
 */
int flow_open(struct flow **ret_flow, struct engine *engine, const struct plan_stream *stream,
	      const char *field, struct problem_set *problems);
struct flow *flow_close(struct flow *flow);

/** flow_limits() - how trains must be cut for this flow (device, MTU, layout, probe) */
struct train_limits flow_limits(const struct flow *flow);

/** flow_path() - how its packets leave: before the first flow_send() what is meant, afterwards what
 * was done; owned by the flow */
const struct engine_path *flow_path(const struct flow *flow);

/**
 * flow_fillings() - in how many fillings a stream takes turns whose packets differ: while one is
 * sent, the kernel is done with another. 1 .. FLOW_FILLINGS_MAX; may become fewer.
 */
enum { FLOW_FILLINGS_MAX = 4 };
uint32_t flow_fillings(const struct flow *flow);

/**
 * flow_let_go() - has the kernel released all of the filling @slot that was handed over? Then it
 * may be written again. False from engines that get no notification of that.
 */
bool flow_let_go(struct flow *flow, uint32_t slot);

/**
 * flow_load() - take a packed arena for sending (load a master pipe with a template); borrowed
 * until the next flow_load() or flow_close(). Return: 0; negative errno
 */
int flow_load(struct flow *flow, const struct trains *trains);

/**
 * flow_send() - hand over up to @packets_max (>= 1) packets from *cursor on, of the loaded trains
 * @cursor:   not at the end of a filling; moved behind what was sent or refused
 * @counters: raised by what was really called and handed over
 *
 * Bounded work a call, so that the caller stays able to react: at most FLOW_SEND_TRAINS_MAX trains
 * (of short ones, which are quick, FLOW_SEND_SHORT_MAX, where the engine gains by it) or
 * FLOW_SEND_LONE_MAX single datagrams, and FLOW_SEND_PACKETS_MAX packets. DONE with fewer than
 * asked means just that, or the end of a fresh arena (trains_at_end()): call again for the rest.
 * DONE always moved the cursor by at least one packet; FULL and REFUSED may come after some.
 */
enum {
	FLOW_SEND_TRAINS_MAX = 16,
	FLOW_SEND_SHORT_MAX = 64,
	FLOW_SEND_LONE_MAX = 256,
	FLOW_SEND_PACKETS_MAX = 8192,
};
void flow_send(struct flow *flow, struct train_cursor *cursor, uint64_t packets_max,
	       struct engine_result *ret_result, struct engine_counters *counters);

/** flow_wait_room() - after FULL: wait until there may be room, at most @timeout_ns; after ENOBUFS,
 * whose end no descriptor announces, for a growing moment. Return: 0 room; 1 timeout */
int flow_wait_room(struct flow *flow, int64_t timeout_ns, struct engine_counters *counters);

/** flow_async_errors() - read the errors that came in since the last call (error queue) and add
 * them to @async_errors */
void flow_async_errors(struct flow *flow, struct flow_async_errors *async_errors,
		       struct engine_counters *counters);
