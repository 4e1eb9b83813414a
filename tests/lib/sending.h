/*
 * sending: a sender with streams made by hand, on loopback, for tests of the send loop: run it here
 * or on a thread of its own, give it orders, count what arrived.
 */
#pragma once
#include "base/sys.h"
#include "lib/transmit.h"
#include "sender/sender.h"

#include <pthread.h>

enum { SENDING_STREAMS_MAX = 8 };

struct sending {
	struct job jobs[SENDING_STREAMS_MAX]; /* change jobs[i].stream before sending_open() */
	int receivers[SENDING_STREAMS_MAX];
	uint64_t no_room[SENDING_STREAMS_MAX]; /* of the receiver's drops, those counted already */
	size_t stream_count;
	struct plan plan;
	struct plan_stream streams[SENDING_STREAMS_MAX];
	struct sender_options options;
	struct problem_set problems;
	struct error error;
	struct sender *sender;
	struct sender_report report; /* of the job, after the end */
	enum sender_end end;
	pthread_t thread;
};

/** sending_init() - @streams unlimited streams of one datagram of 100 bytes, each to a receiver */
void sending_init(struct sending *lab, size_t streams);
/** sending_rate() - a rate in pps for stream @i; before sending_open() */
void sending_rate(struct sending *lab, size_t i, double pps);
void sending_packets(struct sending *lab, size_t i, uint64_t packets);
void sending_duration(struct sending *lab, size_t i, int64_t duration_ns);
/** sending_endless() - until it is stopped */
void sending_endless(struct sending *lab, size_t i);
/** sending_open() - sender_new(). Return: its result */
int sending_open(struct sending *lab);
/** sending_run() - open unless done, run here, take the report. Return: how it ended */
enum sender_end sending_run(struct sending *lab);
/** sending_start() - open unless done, run on a thread */
void sending_start(struct sending *lab);
/** sending_join() - wait for the thread, take the report. Return: how it ended */
enum sender_end sending_join(struct sending *lab);
/** sending_until_sent() - wait until the snapshot shows @packets sent; a failure after 5 s */
void sending_until_sent(struct sending *lab, uint64_t packets);
/** sending_sent() - by the snapshot */
uint64_t sending_sent(const struct sending *lab);
/** sending_need_room() - skips where the receivers cannot hold @bytes of buffer for a test to read
 * later
 */
void sending_need_room(const struct sending *lab, int bytes);
/**
 * sending_received() - datagrams that arrived at receiver @i since the last call, counted and
 * thrown away
 *
 * Those for which its buffer had no room count too: without the privilege to enlarge it, the buffer
 * holds a few hundred, and the kernel tells how many it turned away.
 */
uint64_t sending_received(struct sending *lab, size_t i);
/** sending_problem() - the first of @code, or NULL */
const struct problem *sending_problem(const struct sending *lab, enum problem_code code);
/** sending_check_books() - of the job and of each stream: requested = sent + dropped + failed +
 * cancelled, and the job's are the sum */
void sending_check_books(const struct sending *lab);
void sending_close(struct sending *lab);
/** sending_call() - a system call that hands datagrams over, as COPY and ZEROCOPY make them? */
static inline bool sending_call(enum sys_call call)
{
	return call == SYS_CALL_SENDMSG || call == SYS_CALL_SENDMMSG || call == SYS_CALL_SEND;
}

/** sending_now_ns() - CLOCK_MONOTONIC */
int64_t sending_now_ns(void);
/** sending_sleep_ns() - a span of real time that the test is about */
void sending_sleep_ns(int64_t ns);
