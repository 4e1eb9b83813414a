/*
 * engine_ring: one PACKET_TX_RING, bound to one interface: the slots, and the call that hands them
 * over.
 *
 * The kernel walks the slots in turn and so does this ring: the next one to be filled is always the
 * one the kernel looks at next. A slot that the kernel did not take is made free again before
 * ring_kick() returns: nothing waits inside. A slot that it took is filled again only when the
 * kernel gave it back. Thread: one worker.
 */
#pragma once
#include "engine/engine_private.h"

struct ring_slot {	  /* what lies in it, so that it can leave again as it is */
	uint64_t filling; /* 0: nothing; else the number of a loaded arena */
	uint32_t offset, asked;
	uint32_t segments; /* packets in it */
	uint32_t bytes;
};

struct ring {
	uint32_t ifindex; /* 0: not open */
	int fd;
	uint8_t *memory;
	size_t memory_bytes;
	uint32_t slot_bytes, slots;
	uint32_t next;
	struct ring_slot *content; /* [slots] */
};

/* What the kernel copies out of a ring no longer than this it finds in a core's cache. */
enum { RING_BYTES_MAX = 1 << 20 };

/**
 * ring_open() - socket, ring, bind
 * @payload_bytes: the most one slot must hold, with its virtio_net_hdr
 * @slots_max: a power of two; fewer where they would need more than RING_BYTES_MAX
 *
 * Return: 0; negative errno: nothing is left behind
 */
int ring_open(struct ring *ring, uint32_t ifindex, uint32_t payload_bytes, uint32_t slots_max);
void ring_close(struct ring *ring);

/** ring_payload_max() - bytes a slot holds, with the virtio_net_hdr */
uint32_t ring_payload_max(const struct ring *ring);

/** ring_free() - true: slot next + @ahead may be filled */
bool ring_free(const struct ring *ring, uint32_t ahead);
/** ring_at() - slot next + @ahead: its bytes, and *ret_content what lies in it */
uint8_t *ring_at(const struct ring *ring, uint32_t ahead, struct ring_slot **ret_content);
/** ring_ask() - slot next + @ahead shall leave: @bytes of it */
void ring_ask(struct ring *ring, uint32_t ahead, uint32_t bytes);

/**
 * ring_kick() - hand over the first @count slots
 * @ret_error: positive errno about the first that was not taken; 0: all were
 *
 * Return: how many were taken; the others are free again
 */
uint32_t ring_kick(struct ring *ring, uint32_t count, int *ret_error,
		   struct engine_counters *counters);
