/* engine_ring: see engine_ring.h. */
#include "engine/engine_ring.h"

#include "base/sys.h"
#include "base/util.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>

enum {
	/* where the kernel reads a frame of TPACKET_V2, from the start of its slot */
	DATA_AT = TPACKET2_HDRLEN - sizeof(struct sockaddr_ll),
	BLOCK_BYTES_MIN = 64 << 10, /* small slots share a block */
};

static volatile struct tpacket2_hdr *header(const struct ring *ring, uint32_t ahead)
{
	uint32_t slot = (ring->next + ahead) % ring->slots;
	return (volatile void *)(ring->memory + (size_t)slot * ring->slot_bytes);
}

static uint32_t status(const struct ring *ring, uint32_t ahead)
{
	return __atomic_load_n(&header(ring, ahead)->tp_status, __ATOMIC_ACQUIRE);
}

static void set_status(const struct ring *ring, uint32_t ahead, uint32_t value)
{
	__atomic_store_n(&header(ring, ahead)->tp_status, value, __ATOMIC_RELEASE);
}

/* Slots lie one behind the other only where blocks have no rest: a power of two of them. */
static struct tpacket_req geometry(uint32_t payload_bytes, uint32_t slots_max)
{
	struct tpacket_req req = {.tp_frame_size = 1 << 11};
	while (req.tp_frame_size < DATA_AT + payload_bytes)
		req.tp_frame_size <<= 1;
	req.tp_block_size = MAX(req.tp_frame_size, (uint32_t)BLOCK_BYTES_MIN);
	req.tp_frame_nr = MIN(slots_max, (uint32_t)RING_BYTES_MAX / req.tp_frame_size);
	req.tp_block_nr = req.tp_frame_nr / (req.tp_block_size / req.tp_frame_size);
	return req;
}

static int set_up(struct ring *ring, uint32_t payload_bytes, uint32_t slots_max)
{
	struct tpacket_req req = geometry(payload_bytes, slots_max);
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_ifindex = (int)ring->ifindex};
	void *memory;
	int r = sys_setsockopt_int(ring->fd, SOL_PACKET, PACKET_VERSION, TPACKET_V2);
	if (r == 0)
		r = sys_setsockopt_int(ring->fd, SOL_PACKET, PACKET_VNET_HDR, 1);
	if (r == 0)
		r = sys_setsockopt(ring->fd, SOL_PACKET, PACKET_TX_RING, &req, sizeof req);
	if (r < 0)
		return r;
	ring->slot_bytes = req.tp_frame_size;
	ring->slots = req.tp_frame_nr;
	ring->memory_bytes = (size_t)req.tp_block_size * req.tp_block_nr;
	ring->content = calloc(ring->slots, sizeof *ring->content);
	if (!ring->content)
		return -ENOMEM;
	r = sys_map_ring(&memory, ring->memory_bytes, ring->fd);
	if (r < 0)
		return r;
	ring->memory = memory;
	if (sys_setsockopt_int(ring->fd, SOL_SOCKET, SO_SNDBUFFORCE, ENGINE_SEND_BUFFER_BYTES) < 0)
		sys_setsockopt_int(ring->fd, SOL_SOCKET, SO_SNDBUF, ENGINE_SEND_BUFFER_BYTES);
	return sys_bind(ring->fd, (struct sockaddr *)&at, sizeof at);
}

int ring_open(struct ring *ring, uint32_t ifindex, uint32_t payload_bytes, uint32_t slots_max)
{
	*ring = (struct ring){.ifindex = ifindex, .fd = -1};
	/* protocol 0: it hears nothing, it only sends */
	int r = sys_socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (r >= 0) {
		ring->fd = r;
		r = set_up(ring, payload_bytes, slots_max);
	}
	if (r < 0)
		ring_close(ring);
	return r;
}

void ring_close(struct ring *ring)
{
	sys_unmap(ring->memory, ring->memory_bytes);
	free(ring->content);
	util_close_fd(&ring->fd);
	*ring = (struct ring){.fd = -1};
}

uint32_t ring_payload_max(const struct ring *ring)
{
	return ring->slot_bytes - DATA_AT;
}

bool ring_free(const struct ring *ring, uint32_t ahead)
{
	return ahead < ring->slots && status(ring, ahead) == TP_STATUS_AVAILABLE;
}

uint8_t *ring_at(const struct ring *ring, uint32_t ahead, struct ring_slot **ret_content)
{
	uint32_t slot = (ring->next + ahead) % ring->slots;
	*ret_content = &ring->content[slot];
	return ring->memory + (size_t)slot * ring->slot_bytes + DATA_AT;
}

void ring_ask(struct ring *ring, uint32_t ahead, uint32_t bytes)
{
	header(ring, ahead)->tp_len = bytes;
	set_status(ring, ahead, TP_STATUS_SEND_REQUEST);
}

static bool was_taken(const struct ring *ring, uint32_t ahead)
{
	uint32_t now = status(ring, ahead);
	return now == TP_STATUS_AVAILABLE || now == TP_STATUS_SENDING;
}

uint32_t ring_kick(struct ring *ring, uint32_t count, int *ret_error,
		   struct engine_counters *counters)
{
	uint32_t taken = 0;
	counters->syscalls++;
	ssize_t r = sys_send(ring->fd, NULL, 0, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (taken < count && was_taken(ring, taken))
		taken++;
	for (uint32_t i = taken; i < count; i++)
		set_status(ring, i, TP_STATUS_AVAILABLE);
	*ret_error = taken == count ? 0 : r < 0 ? (int)-r : EAGAIN;
	ring->next = (ring->next + taken) % ring->slots;
	return taken;
}
