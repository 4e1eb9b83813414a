/*
 * limiter: what holds one job below the policy's maxima at the hand-over, whatever its pacers say.
 *
 * Two maxima, in packets and in bits at layer 2, bind a job: its own and the one that all jobs of
 * the agent share. The sender takes for every hand-over before it, from all buckets, and settles
 * after it with what really left. While the buckets hold a take back, the job waits: all its
 * streams draw on the same buckets, so the first in line is the next to send, and none passes it.
 *
 * The own buckets belong to the job alone: they are waited for first, and only then the job stands
 * in the line at the shared ones. So a job that waits for itself keeps no other waiting.
 *
 * Where no maximum is set limiter->active is false, and nothing else is to be called.
 *
 * All times CLOCK_MONOTONIC ns. Thread: the job's worker; limiter_buckets of the agent are written
 * by whoever loads a policy.
 */
#pragma once
#include "sender/bucket.h"

enum limiter_rule { /* which maximum; names as the policy has them: limiter_rule_name() */
		    LIMITER_MAX_PPS,
		    LIMITER_MAX_BPS_L2,
		    LIMITER_MAX_TOTAL_PPS,
		    LIMITER_MAX_TOTAL_BPS_L2,
		    LIMITER_RULES,
};

struct limiter_buckets { /* one maximum, in both units */
	struct bucket packets;
	struct bucket bits_l2;
};

struct limiter_cost {
	uint64_t packets, bits_l2;
};

struct limiter {
	bool active; /* some maximum is set */
	struct limiter_buckets own;
	struct limiter_buckets *shared; /* the agent's; borrowed; NULL: none */
	struct bucket_take takes[LIMITER_RULES];
	struct limiter_cost cost;	  /* of what was taken */
	bool in_line;			  /* taken from the shared buckets */
	int64_t until_ns;		  /* in_line: when they let it go */
	enum limiter_rule line_rule;	  /* in_line: the bucket that lets it go last */
	enum limiter_rule rule;		  /* that held last */
	int64_t since_ns, waits_until_ns; /* of the wait that goes on; since_ns 0: none */
	int64_t held_until_ns;		  /* end of the last wait; INT64_MIN: there was none */
	int64_t held_ns[LIMITER_RULES];	  /* waits that ended, by the bucket that held longest */
};

/** limiter_buckets_set() - @pps, @bps_l2 from @now_ns on; 0: no maximum. Thread: one at a time */
void limiter_buckets_set(struct limiter_buckets *buckets, double pps, double bps_l2,
			 int64_t now_ns);

/** limiter_init() - no maximum of its own yet. @shared: borrowed; NULL: none */
void limiter_init(struct limiter *limiter, struct limiter_buckets *shared);
/** limiter_set() - the job's own maximum, and look whether the shared one is set */
void limiter_set(struct limiter *limiter, double pps, double bps_l2, int64_t now_ns);

/** limiter_lot() - what one hand-over may be of at most, unless it is of one packet */
struct limiter_cost limiter_lot(const struct limiter *limiter);

/**
 * limiter_take() - take @cost for a hand-over
 *
 * Return: an instant <= @now_ns: hand over, then limiter_settle(). A later one: call again then,
 * with the same cost, or limiter_release().
 */
int64_t limiter_take(struct limiter *limiter, const struct limiter_cost *cost, int64_t now_ns);

/** limiter_settle() - @used of the cost left, in a hand-over that was done at @done_ns */
void limiter_settle(struct limiter *limiter, const struct limiter_cost *used, int64_t done_ns);

/** limiter_release() - out of the line; nothing is sent. No effect where nothing waits */
void limiter_release(struct limiter *limiter, int64_t now_ns);

/** limiter_held_until_ns() - up to when the job had to wait last, not after @now_ns; INT64_MIN: it
 * never had to */
int64_t limiter_held_until_ns(const struct limiter *limiter, int64_t now_ns);
/** limiter_held_ns() - how long the job has waited in all, up to @now_ns */
int64_t limiter_held_ns(const struct limiter *limiter, int64_t now_ns);

/** limiter_rule_name() - "maxPps" */
const char *limiter_rule_name(enum limiter_rule rule);
