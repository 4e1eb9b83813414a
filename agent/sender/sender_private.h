/*
 * sender_private: the structs that the parts of the sender share; see sender.h. Each part has a
 * header of its own, and calls only the parts above it in this list:
 *
 *   sender_wait      waiting for an instant, or for an order
 *   sender_stream    what follows from the state of one stream
 *   sender_queue     which stream is next: a heap by instant, a ring of those always ready
 *   sender_pack      one filling after the other
 *   sender_path      interface and neighbour before and after
 *   sender_link      what becomes of interfaces and addresses meanwhile
 *   sender_promise   packets that a rate promised and nobody sent
 *   sender_problems  what went wrong: counted while sending, put into words at the end
 *   sender_share     the job's maximum, shared by its streams
 *   sender_limit     the policy's maxima, held at the hand-over
 *   sender_snapshot  what is published while it runs
 *   sender_schedule  where a stream belongs now: the ring, or the heap until it is due
 *   sender_handover  one hand-over of one stream, and its account
 *   sender_pause     streams stopped for a while, by themselves or with the job, or for good
 *   sender_orders    control calls of other threads, and applying them
 *   sender_turns     the send loop
 *
 * On top stand the functions of sender.h: sender.c makes and frees a sender, sender_run.c runs it
 * from start to end, sender_report.c compares what was asked with what was reached.
 *
 * Everything is the worker's own, except: waiter.orders, orders_applied, job_done, stop,
 * pause_wanted (atomics), orders and what sender_link keeps (under rates_lock), and the words of
 * the snapshot.
 */
#pragma once
#include "net/link.h"
#include "net/neighbour.h"
#include "net/net_ip.h"
#include "sender/limiter.h"
#include "sender/pacer.h"
#include "sender/pacer_rate.h"
#include "sender/sender.h"
#include "sender/sender_wait.h"

#include <pthread.h>
#include <stdatomic.h>

#define SENDER_PUBLISH_NS (10 * CLOCK_NS_PER_MS)
/* A stream of refusals gives up after this many in a row without one success... */
enum { SENDER_REFUSED_MAX = 10000 };
/* ...that also lasted this long: an interface may come back. */
#define SENDER_REFUSED_NS CLOCK_NS_PER_S
/* Samples for current_pps, at least 100 ms apart: a second. */
enum { SENDER_SAMPLES = 11 };
#define SENDER_NEVER_NS INT64_MAX

struct sender_link_spell { /* how long something was so; under rates_lock while it runs */
	int64_t since_ns;  /* CLOCK_REALTIME; 0: it is not so now */
	int64_t first_ns;  /* when it first began */
	int64_t total_ns;  /* of the spells that are over */
	uint32_t times;
	uint32_t least; /* of the MTU */
};

/* Where the packets of some streams go: looked up once for equal destinations. */
struct sender_path {
	const struct plan_destination *destination;
	char interface[IF_NAMESIZE]; /* empty: not found out */
	uint32_t ifindex;
	bool asks_neighbour;   /* a next hop that needs an ARP or ND answer */
	bool local;	       /* this host: asynchronous errors are there at once */
	union net_ip next_hop; /* valid with asks_neighbour */
	uint64_t line_bps;     /* 0: unknown */
	uint32_t mtu;
	union net_ip source; /* AF_UNSPEC: not known, or none */
	struct link before;
	struct sender_link_spell spells[SENDER_LINK_KINDS];
	char renamed[IF_NAMESIZE]; /* under rates_lock: its name now, where that changed */
	uint32_t queue_drops_before;
	bool queue_known;
	enum neighbour_state neighbour_before, neighbour_after;
};

struct sender_refusals { /* of one errno, of one stream */
	int error;
	uint64_t packets;
};
enum { SENDER_ERRNOS_MAX = 8 }; /* different errnos kept apart; more go with the last */

enum sender_stream_state {
	SENDER_STREAM_QUEUED, /* in the heap, until key_ns */
	SENDER_STREAM_READY,  /* in the ring: unlimited, and its time has come */
	SENDER_STREAM_PARKED, /* in neither: paused, or its job has not begun */
	SENDER_STREAM_ENDED,
};

struct sender_stream {
	const struct plan_stream *plan;
	size_t index;
	char field[PROBLEM_FIELD_MAX];
	struct flow *flow;
	struct pacer *pacer;
	struct sender_path *path;

	/* packing: a filling is loaded and sent; a fresh one is then replaced by the next */
	struct train_limits limits;
	struct trains fillings[FLOW_FILLINGS_MAX]; /* in turn, where the engine wants several */
	struct trains *filling;			   /* the one that is sent; NULL: none yet */
	struct plan_cursor pack_cursor;		   /* behind what is packed */
	struct plan_cursor send_cursor; /* behind what was handed over; kept for unequal sizes */
	struct train_cursor cursor;
	uint64_t filling_left; /* packets of a fresh filling not handed over; UINT64_MAX: cyclic */

	/* schedule */
	enum sender_stream_state state;
	size_t heap_index;
	int64_t key_ns;		  /* QUEUED: when to look at it again */
	int64_t start_ns, end_ns; /* end_ns: of a duration limit, pauses added; else NEVER */
	int64_t cost_ns;	  /* of a packet, lately: for how much fits before another's turn */

	/* pauses */
	bool paused;	    /* by its name; the job may be, too */
	bool stopped;	    /* by either: its schedule stands still... */
	int64_t stopped_ns; /* ...since then */
	bool start_moved;   /* it was stopped before its first packet: that was not late */
	bool cancelled;	    /* by its name */

	/* no room, when_full WAIT */
	bool blocked;
	int blocked_error; /* EAGAIN: the socket's buffer; else the device's queue */
	bool poll_reports; /* poll() reports when there is room; else only trying shows it */
	int64_t blocked_since_ns, backoff_ns;
	int64_t blocked_ns; /* in all, up to the last time it found room */
	uint32_t fruitless; /* tries in a row that found none */

	/* rate */
	struct plan_rate asked; /* by the spec or by the last order */
	struct plan_rate paced; /* what the pacer was given: asked, or the share of the maximum */
	bool shared;		/* paced is a share of the maximum */
	double demand_pps;	/* what asked comes to; infinite: unlimited */
	double mean_bits_l2;	/* of a packet, over a pass */
	bool was_shared;
	enum limiter_rule share_rule; /* of which */
	double shared_pps_ns; /* what was asked for or given * how long, up to paced_since_ns */
	int64_t paced_since_ns, paced_ns;
	uint32_t rate_changes;		/* by orders */
	int64_t held_seen_ns;		/* of the limiter's waits, those the schedule knows of */
	int64_t held_ns[LIMITER_RULES]; /* waited with something due */

	/* account */
	struct account account, baseline; /* baseline: when it was last resumed by its name */
	bool has_baseline;
	struct engine_counters counters;
	struct flow_async_errors async_errors;
	struct sender_refusals refusals[SENDER_ERRNOS_MAX];
	size_t refusal_count;
	uint64_t refused_in_a_row;
	int refused_error; /* of the last of them */
	int64_t refused_backoff_ns;
	int64_t success_ns;
	bool gave_up;

	/* report */
	struct histogram *gap_error;
	uint64_t bytes_layer,
		bytes_l2; /* sent, as the rate's layer and as L2 count; unequal sizes */
	int64_t first_ns, last_ns, last_done_ns; /* hand-overs; first_ns 0: none */
	uint64_t last_packets;			 /* of the last hand-over */
	uint32_t longest_burst;
	int64_t busy_ns; /* inside hand-overs */
};

struct sender_sample {
	int64_t at_ns;
	uint64_t packets, bytes_l2;
};

/* The snapshot as words: written by the worker between an odd and an even sequence number. */
enum { SENDER_SNAPSHOT_WORDS = sizeof(struct sender_snapshot) / sizeof(uint64_t) };
_Static_assert(sizeof(struct sender_snapshot) % sizeof(uint64_t) == 0, "whole words");

struct sender_board {
	_Atomic uint32_t sequence;
	_Atomic uint64_t words[SENDER_SNAPSHOT_WORDS];
};

/* Where a stream is, as words of the same publication. */
enum sender_progress_word {
	PROGRESS_REQUESTED,
	PROGRESS_SENT,
	PROGRESS_DROPPED,
	PROGRESS_FAILED,
	PROGRESS_BYTES,
	PROGRESS_CANCELLED,
	PROGRESS_SYSCALLS,
	PROGRESS_PAGES,
	PROGRESS_BASE_SENT,
	PROGRESS_BASE_DROPPED,
	PROGRESS_BASE_FAILED,
	PROGRESS_BASE_BYTES,
	PROGRESS_BASE_SYSCALLS,
	PROGRESS_BASE_PAGES,
	PROGRESS_FLAGS,	   /* enum progress_flag */
	PROGRESS_STATE,	   /* Pagecast__V1__StreamState */
	PROGRESS_FRACTION, /* a double's bits */
	PROGRESS_WORDS,
};
enum progress_flag { PROGRESS_PAUSED = 1, PROGRESS_HAS_BASELINE = 2 };
struct sender_progress_words {
	_Atomic uint64_t words[PROGRESS_WORDS];
};

struct sender_order { /* to a stream, not yet taken up */
	bool rate_given, order_given;
	struct plan_rate rate;
	enum sender_stream_order order; /* the last one; nothing follows CANCEL */
};

/* A stream whose next hand-over waits for the limiter. Until it is over no other has its turn. */
struct sender_hold {
	struct sender_stream *stream; /* NULL: none */
	uint64_t packets;	      /* of the hand-over */
	struct limiter_cost cost;     /* of them */
	int64_t until_ns;
};

struct sender {
	const struct plan *plan;
	struct sender_options options;
	const struct clock *clock;
	struct sender_stream *streams; /* [stream_count] */
	size_t stream_count, active_count;
	struct histogram *gap_errors; /* [stream_count], one block: untouched parts cost nothing */
	struct sender_path *paths;    /* [path_count] */
	size_t path_count;
	struct engine *engine;
	struct engine_choice choice;
	struct problem_set problems;

	/* orders */
	struct sender_waiter waiter;
	uint32_t seen;			 /* orders looked at */
	_Atomic uint32_t orders_applied; /* orders in force; writer: worker */
	_Atomic bool job_done;		 /* nothing more will be sent; writer: worker */
	_Atomic int stop;		 /* enum sender_end; first writer wins */
	_Atomic bool pause_wanted;	 /* writers: control calls; reader: worker */
	_Atomic bool rates_wanted;	 /* some orders[] has a rate */
	_Atomic bool orders_wanted;	 /* some orders[] has an order */
	_Atomic bool limits_wanted;	 /* limits is given */
	pthread_mutex_t rates_lock;	 /* held for copying only */
	struct sender_limits limits;	 /* under rates_lock: an order, not yet taken up */
	struct sender_order *orders;	 /* [stream_count] */
	bool started;			 /* start_time has come */
	bool paused;			 /* the job; streams may be, too */

	/* the policy's maxima */
	double *wanted; /* [stream_count], scratch of sender_share() */
	struct limiter limiter;
	struct sender_hold hold;

	/* queue */
	struct sender_stream **heap, **ring; /* [stream_count] each */
	size_t heap_count, ring_head, ring_count;
	uint32_t paced_in_a_row;

	/* time */
	int64_t realtime_offset_ns; /* CLOCK_REALTIME less CLOCK_MONOTONIC, at the start */
	int64_t begun_ns;	    /* when the schedule began; with `started` */
	int64_t max_duration_ns;    /* in force; 0: none */
	int64_t deadline_ns;	    /* of it, or NEVER */
	double cpu_seconds;
	enum sender_end end;

	/* publishing */
	struct sender_board board;
	struct sender_progress_words *progress; /* [stream_count], within board.sequence */
	struct sender_snapshot snapshot;
	bool dirty;	    /* something to publish */
	int64_t publish_ns; /* not before */
	struct sender_sample samples[SENDER_SAMPLES];
	size_t sample_count;		   /* ever taken; 0 again behind a pause */
	struct sender_sample first_sample; /* of these */
	size_t async_turn;
};
