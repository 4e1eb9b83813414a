/*
 * sender: one job being sent: its streams side by side, each with pacer, trains, flow and account.
 *
 * sender_new() compiles nothing and sends nothing: it opens sockets and packs pages, so that
 * sender_run() can start on the nanosecond. sender_run() is the send loop, on the worker's thread.
 * Control calls come from any thread, are in effect within 10 ms at any speed and never block on
 * the worker: they change atomics and wake a futex. Snapshots are published by the worker (at least
 * every 10 ms while counts move) and read by any thread without a lock held by the worker.
 */
#pragma once
#include "pagecast/v1/job.pb-c.h"

#include "base/clock.h"
#include "base/histogram.h"
#include "base/problem.h"
#include "engine/engine.h"
#include "engine/engine_choice.h"
#include "packet/plan.h"
#include "sender/account.h"
#include "sender/limiter.h"

struct sender;

enum sender_end {
	SENDER_RUNNING, /* not ended */
	SENDER_LIMIT_REACHED,
	SENDER_CANCELLED, /* by a call */
	SENDER_LEASE_EXPIRED,
	SENDER_MAX_DURATION,
	SENDER_INTERRUPTED, /* the agent ends */
	SENDER_FORBIDDEN,   /* by a policy that came while it ran; the caller says why */
	SENDER_START_MISSED,
	SENDER_HOLD_EXPIRED,
	SENDER_STREAMS_CANCELLED, /* some, by a call; the others reached their limits */
	SENDER_ERROR,		  /* could not go on: problems say why */
};

/* The path in the report of what sent nothing: calls that were never made are not named. */
#define SENDER_PATH_NONE "none: nothing was sent"

struct sender_report { /* of a job or of a stream */
	struct account account;
	Pagecast__V1__EngineKind engine;
	char path[160];
	char why[320];
	Pagecast__V1__KernelCopies kernel_copies;
	double requested_pps, achieved_pps, requested_bps, achieved_bps;
	Pagecast__V1__Layer layer;
	struct histogram_summary gap_error_ns;
	uint64_t late_packets;
	uint32_t longest_burst;
	int64_t held_ns[LIMITER_RULES]; /* what was due waited so long for a maximum of the policy
					 */
	double start_error_ns;
	double cpu_seconds;
	int64_t first_packet_ns, last_packet_ns; /* CLOCK_REALTIME; 0: none */
	/* of a stream */
	Pagecast__V1__StreamState state;
	bool has_baseline;
	struct account baseline; /* as in struct sender_progress */
};

struct sender_snapshot {
	uint64_t version;	 /* rises with every publication */
	struct account account;	 /* of the job */
	int64_t taken_ns;	 /* CLOCK_REALTIME */
	int64_t first_packet_ns; /* CLOCK_REALTIME, 0: none yet */
	int64_t remaining_ns; /* at the rates asked or, without one, at the present one; -1: unknown
			       */
	double current_pps;   /* over the last second; see sender_snapshot.c */
	double current_bps_l2;
	double fraction; /* 0 .. 1; 0 where the limit has no end */
	bool paused;
	int refused_error;	 /* of a stream whose sends all fail lately: errno; else 0... */
	uint64_t refused_stream; /* ...which, */
	uint64_t refused;	 /* and how many packets in a row, of all such streams */
	char waiting_for[64];	 /* "start_time", "room in the socket buffer", or empty */
};

struct sender_progress {	 /* of one stream */
	const char *name;	 /* the plan's */
	uint32_t stream_id;	 /* of its stamps; 0: none */
	struct account account;	 /* as far as it is */
	double fraction;	 /* 0 .. 1 of its limit; 0 where that has no end */
	bool paused;		 /* by its name, or it started held; whatever its job is */
	bool has_baseline;	 /* it was resumed by its name: */
	struct account baseline; /* as it was then; requested is what had been attempted */
	Pagecast__V1__StreamState state;
};

enum sender_link_kind { /* what becomes of an interface while a job sends through it */
			SENDER_LINK_GONE,
			SENDER_LINK_DOWN,
			SENDER_LINK_NO_CARRIER,
			SENDER_LINK_ADDRESS_GONE, /* the source address */
			SENDER_LINK_MTU,	  /* smaller than it was */
			SENDER_LINK_RENAMED,
			SENDER_LINK_KINDS,
};

struct sender_options {
	const struct clock *clock;
	double max_pps; /* of the whole job, from the policy; 0: none */
	double max_bps_l2;
	double share_pps; /* of the maximum of all jobs, this one's part; 0: not divided */
	double share_bps_l2;
	struct limiter_buckets *total; /* the maximum of all jobs; borrowed; NULL: none */
	int64_t elapsed_ns; /* of max_duration: the job was sent before, by another sender */
	bool preview;	    /* it will never run: nothing of payload size is written */
	/* on the worker's thread when sender_orders_applied() may have become true; may be NULL */
	void (*orders_applied)(void *context);
	void (*published)(void *context); /* on the worker's thread after each publication of its
					     run; may be NULL */
	void *context;
};

/**
 * sender_new() - sockets open, pages packed, nothing sent
 * @plan:     borrowed until sender_free()
 * @choice:   the engine it gets, by engine_choose()
 * @problems: why it failed, in words; what is in it on success is in sender_problems() too
 *
 * Return: 0; an error_code > 0 when the job cannot run (problems say why).
 */
int sender_new(struct sender **ret_sender, const struct plan *plan,
	       const struct engine_choice *choice, const struct sender_options *options,
	       struct problem_set *problems, struct error *ret_error);

/** sender_run() - send until the end: nothing leaves after it. Thread: worker. Return: why it
 * ended, never SENDER_RUNNING */
enum sender_end sender_run(struct sender *sender);
/** sender_settle() - after sender_run(), by its thread: wait for what the network still has to say
 * of the last packets (5 ms; up to 1.1 s for a neighbour that is silent; no time where the host
 * itself is the destination, or after a stop), and close the books */
void sender_settle(struct sender *sender);

/* Control. Thread: any, from sender_new() until sender_free(). The first end reason given wins. */
void sender_stop(struct sender *sender,
		 enum sender_end why); /* CANCELLED, LEASE_EXPIRED, INTERRUPTED, FORBIDDEN */
void sender_pause(struct sender *sender);
void sender_resume(struct sender *sender);
enum sender_stream_order { SENDER_STREAM_PAUSE, SENDER_STREAM_RESUME, SENDER_STREAM_CANCEL };
/**
 * sender_order_streams() - the same for single streams, in effect within 10 ms; a stream sends only
 * while neither it nor the job is paused. Of a stream that has ended nothing changes
 * @streams: [count], each below sender_stream_count()
 */
void sender_order_streams(struct sender *sender, const size_t *streams, size_t count,
			  enum sender_stream_order order);
/**
 * sender_set_rate() - a new rate, in effect within 10 ms, one new gap after the last packet
 * @stream: SIZE_MAX: each stream gets this rate (not their sum)
 * @rate:   copied; what is above the job's maximum is held to it
 *
 * Return: 0; NOT_FOUND: no such stream; INVALID_ARGUMENT: no rate; FAILED_PRECONDITION: percent of
 * a line whose speed is unknown; with @ret_error.
 */
int sender_set_rate(struct sender *sender, size_t stream, const struct plan_rate *rate,
		    struct error *ret_error);
struct sender_limits {			/* from the policy; 0: none */
	double max_pps, max_bps_l2;	/* of the whole job */
	double share_pps, share_bps_l2; /* its part of the maximum of all jobs */
	int64_t max_duration_ns;	/* from the start; only ever lowers the one in force */
};
/** sender_limit() - other maxima than those it was made with, in effect within 10 ms */
void sender_limit(struct sender *sender, const struct sender_limits *limits);
/** sender_orders_applied() - every order given so far is in force: no packet is sent under the
 * previous settings. Also true once nothing more will be sent. Thread: as control */
bool sender_orders_applied(const struct sender *sender);
struct link_change;
/** sender_link_changed() - something became of an interface or address, at @realtime_ns; ignored if
 * the job does not use it. Thread: as control */
void sender_link_changed(struct sender *sender, const struct link_change *change,
			 int64_t realtime_ns);
/** sender_link_now() - the worst that is so at present, in words. Return: false: nothing is.
 * Thread: as control */
bool sender_link_now(struct sender *sender, struct problem *ret_problem);
/** sender_snapshot() - the last publication, whole. Thread: any; wait-free for the worker */
void sender_snapshot(const struct sender *sender, struct sender_snapshot *ret_snapshot);
/** sender_snapshot_streams() - the same with where each stream was then, [stream_count] */
void sender_snapshot_streams(const struct sender *sender, struct sender_snapshot *ret_snapshot,
			     struct sender_progress *ret_streams);
/** sender_stream_count() - constant */
size_t sender_stream_count(const struct sender *sender);

/* After sender_settle(). Thread: the one that ran it. @stream SIZE_MAX: the job's. */
void sender_report(const struct sender *sender, size_t stream, struct sender_report *ret_report);
/** sender_each_gap_error() - the gap errors of all paced streams: @see(ns, how often) */
void sender_each_gap_error(const struct sender *sender,
			   void (*see)(void *context, uint64_t error_ns, uint64_t times),
			   void *context);
const struct problem_set *sender_problems(const struct sender *sender);

/** sender_look_ahead() - instead of sender_run(): add the problems that show before
 * anything is sent (interfaces down, neighbours that did not answer). sender_report() then has
 * the path */
void sender_look_ahead(struct sender *sender);

struct sender *sender_free(struct sender *sender);
