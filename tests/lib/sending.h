/*
 * sending: a sender with streams made by hand, on loopback, for tests of the send loop: run it here
 * or on a thread of its own, give it orders, count what arrived.
 */
#pragma once
#include "lib/transmit.h"
#include "transmit/sender.h"

#include <pthread.h>

enum { LAB_STREAMS_MAX = 8 };

struct lab {
	struct job jobs[LAB_STREAMS_MAX]; /* change jobs[i].stream before lab_open() */
	int receivers[LAB_STREAMS_MAX];
	uint32_t no_room[LAB_STREAMS_MAX]; /* of the receiver's drops, those counted already */
	size_t stream_count;
	struct plan plan;
	struct plan_stream streams[LAB_STREAMS_MAX];
	struct sender_options options;
	struct problem_set problems;
	struct error error;
	struct sender *sender;
	struct sender_report report; /* of the job, after the end */
	enum sender_end end;
	pthread_t thread;
};

/** lab_init() - @streams unlimited streams of one datagram of 100 bytes, each to a receiver */
void lab_init(struct lab *lab, size_t streams);
/** lab_rate() - a rate in pps for stream @i; before lab_open() */
void lab_rate(struct lab *lab, size_t i, double pps);
void lab_packets(struct lab *lab, size_t i, uint64_t packets);
void lab_duration(struct lab *lab, size_t i, int64_t duration_ns);
/** lab_endless() - until it is stopped */
void lab_endless(struct lab *lab, size_t i);
/** lab_open() - sender_new(). Return: its result */
int lab_open(struct lab *lab);
/** lab_run() - open unless done, run here, take the report. Return: how it ended */
enum sender_end lab_run(struct lab *lab);
/** lab_start() - open unless done, run on a thread */
void lab_start(struct lab *lab);
/** lab_join() - wait for the thread, take the report. Return: how it ended */
enum sender_end lab_join(struct lab *lab);
/** lab_until_sent() - wait until the snapshot shows @packets sent; a failure after 5 s */
void lab_until_sent(struct lab *lab, uint64_t packets);
/** lab_sent() - by the snapshot */
uint64_t lab_sent(const struct lab *lab);
/** lab_need_room() - skips where the receivers cannot hold @bytes of buffer for a test to read
 * later
 */
void lab_need_room(const struct lab *lab, int bytes);
/**
 * lab_received() - datagrams that arrived at receiver @i since the last call, counted and thrown
 * away
 *
 * Those for which its buffer had no room count too: without the privilege to enlarge it, the buffer
 * holds a few hundred, and the kernel tells how many it turned away.
 */
uint64_t lab_received(struct lab *lab, size_t i);
/** lab_problem() - the first of @code, or NULL */
const struct problem *lab_problem(const struct lab *lab, enum problem_code code);
/** lab_check_books() - of the job and of each stream: requested = sent + dropped + failed +
 * cancelled, and the job's are the sum */
void lab_check_books(const struct lab *lab);
void lab_close(struct lab *lab);
/** lab_now_ns() - CLOCK_MONOTONIC */
int64_t lab_now_ns(void);
/** lab_sleep_ns() - a span of real time that the test is about */
void lab_sleep_ns(int64_t ns);

/* What depends on how soon this thread gets a core is tried again: on a busy machine it may be kept
 * off for tens of milliseconds, again and again. One attempt that holds shows that the program can.
 */
enum { LAB_ATTEMPTS_S = 15 };
/** lab_attempt() - a failure unless @attempt returns true once in LAB_ATTEMPTS_S */
void lab_attempt(bool (*attempt)(void));
