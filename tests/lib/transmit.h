/*
 * transmit: plans made by hand, and a receiver that knows what must arrive, for tests of engines.
 *
 * job_*() describe one stream; course_run() sends it through an engine and holds every datagram the
 * engine reports against the next one expected: once, in order, byte for byte.
 */
#pragma once
#include "engine/engine.h"
#include "engine/engine_probe.h"

enum { JOB_ITEMS_MAX = 64 };

struct job {
	struct plan plan;
	struct plan_stream stream;
	struct plan_item items[JOB_ITEMS_MAX];
};

/** job_init() - PACKED, unlimited, to @to (its port too); engine @kind */
void job_init(struct job *job, Pagecast__V1__EngineKind kind, const struct sockaddr *to);
/** job_add() - a payload of @len bytes whose content depends on @len and its place; sent @repeat
 * times in a row */
void job_add(struct job *job, uint32_t len, uint32_t repeat);
/** job_limit() - in packets; needed before course_run() */
void job_limit(struct job *job, uint64_t packets);
void job_free(struct job *job);
/** job_clear() - without payloads again, for others to be added */
void job_clear(struct job *job);

/** receiver_open() - a UDP socket on a free port of @address ("127.0.0.1", "::1") with a large
 * buffer */
int receiver_open(const char *address, struct sockaddr_storage *ret_bound);
/** receiver_open_raw() - a raw socket for @protocol bound to @address */
int receiver_open_raw(const char *address, int protocol, struct sockaddr_storage *ret_bound);
/** receiver_take() - the next datagram. Return: its length; -1: none within @timeout_ms */
ssize_t receiver_take(int fd, uint8_t *buffer, size_t size, int timeout_ms);

struct course {
	struct job *job;
	int receiver;
	size_t skip_bytes;   /* that the receiver sees before the payload: an IP header */
	size_t hidden_bytes; /* of a packet that the receiver does not see: headers of a frame */
	uint64_t chunk;	     /* packets asked for in one flow_send(); 0: all there are */
	/* may be NULL: called before each flow_send() */
	void (*before_send)(struct course *course, uint64_t sent);
	struct plan_cursor expected; /* next packet the receiver must see */
	uint64_t sent, refused, full, bytes;
	uint64_t longest_burst;
	int last_error;
	struct engine_counters counters;
	struct flow_async_errors async_errors;
	char path[160], why[200];
	Pagecast__V1__KernelCopies copies;
	struct problem_set problems;
};

/** course_run() - the whole job. Return: 0; negative errno of flow_open(), told in problems */
int course_run(struct course *course);
