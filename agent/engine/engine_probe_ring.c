/*
 * engine_probe_ring: do packet rings work here, and do they take trains?
 *
 * The train that is tried goes to loopback, for a MAC that nobody has: the kernel takes it or says
 * why not, and drops what it took. Once, at start.
 */
#include "engine/engine_probe_ring.h"

#include "engine/engine_ring.h"
#include "engine/frame_train.h"
#include "packet/checksum.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

enum {
	HEADER_BYTES = 42,
	FRAME_BYTES = HEADER_BYTES + 1,
	FRAMES = 2,
	PROBE_SLOTS = 32, /* a block of them */
	IP_AT = 14,
	IP_SUM_AT = IP_AT + 10,
	UDP_AT = IP_AT + 20,
};

/* Ethernet, IPv4 that may not be fragmented, UDP to the discard port; one byte. */
static const uint8_t headers[HEADER_BYTES] = {
	2,    0, 0, 0,	0,   1, 2,    0, 0,  0,	 0, 2, 8, 0, /* IPv4 */
	0x45, 0, 0, 29, 0,   0, 0x40, 0, 64, 17, 0, 0,	     /* 127.0.0.1 to itself */
	127,  0, 0, 1,	127, 0, 0,    1, 0,  9,	 0, 9, 0, 9, 0, 0};

/* Return: 0: the kernel took a train; positive errno */
static int try_train(struct ring *ring)
{
	uint8_t frames[FRAMES * FRAME_BYTES] = {0};
	struct ring_slot *content;
	struct engine_counters ignored = {0};
	int error;
	for (size_t i = 0; i < FRAMES; i++) {
		uint8_t *frame = frames + i * FRAME_BYTES;
		memcpy(frame, headers, HEADER_BYTES);
		checksum_put(frame + IP_SUM_AT,
			     checksum_fold(checksum_add(frame + IP_AT, UDP_AT - IP_AT)));
	}
	frame_train_write(ring_at(ring, 0, &content), frames, FRAME_BYTES, FRAMES);
	ring_ask(ring, 0, frame_train_bytes(frames, FRAME_BYTES, FRAMES));
	return ring_kick(ring, 1, &error, &ignored) == 1 ? 0 : error;
}

int engine_probe_ring(int *ret_train_error)
{
	unsigned int loopback = if_nametoindex("lo");
	struct ring ring;
	int r = ring_open(&ring, loopback ? loopback : 1, PAGES_PAGE_BYTES / 4, PROBE_SLOTS);
	if (r < 0)
		return r;
	*ret_train_error = try_train(&ring);
	ring_close(&ring);
	return 0;
}
