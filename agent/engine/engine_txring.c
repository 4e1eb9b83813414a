/*
 * engine_txring: Ethernet frames by PACKET_TX_RING, many of them a call.
 *
 * Frames are copied into the ring's slots once and leave from there; a template that lies in its
 * slots already is only handed over again. A run of frames that the kernel can cut out of one long
 * frame without changing them (frame_train.h) is one slot, by PACKET_VNET_HDR. Where a stream has
 * no such run, the kernel copies its frames if that is quicker than to refer to their
 * pages: see lone_max(). The engine keeps a ring for each interface, which the flows share. With
 * the virtio_net_hdr the kernel no longer holds a frame against the MTU, so that is done here. No
 * PACKET_QDISC_BYPASS: it drops trains that the device does not cut itself. Thread: one worker.
 */
#include "engine/engine_txring.h"

#include "base/util.h"
#include "engine/engine_cut.h"
#include "engine/engine_fault.h"
#include "engine/engine_ring.h"
#include "engine/frame_train.h"
#include "net/link.h"
#include "packet/plan_bytes.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <string.h>

enum {
	RINGS_MAX = 64, /* interfaces in one job: each has a ring of the kernel's memory */
	SLOTS_MAX = FLOW_SEND_LONE_MAX, /* one call's worth */
	LONE_REFERRED_MIN = 1536,	/* a longer frame is worth a reference to its pages */
	VLAN_BYTES = 4,
};

struct txring_engine {
	struct engine engine;
	uint32_t payload_bytes; /* of a slot: what the longest frames of the job need */
	uint64_t fillings;	/* loaded so far, in all flows */
	struct ring rings[RINGS_MAX];
	size_t ring_count;
	struct train pieces[FLOW_SEND_LONE_MAX]; /* of this call */
};

struct txring_flow {
	struct flow flow;
	struct ring *ring;
	uint32_t mtu;
	bool lone;	  /* the kernel copies its frames, of which no train can be made */
	uint64_t filling; /* number of the loaded arena */
};

static struct txring_engine *txring_engine(struct engine *engine)
{
	return container_of(engine, struct txring_engine, engine);
}

/* ---- the ring of an interface ---- */

/* Can two frames of this stream leave in one train? Then slots hold one. */
static bool makes_trains(const struct plan_stream *stream)
{
	for (size_t i = 0; i < stream->item_count; i++) {
		const struct plan_item *item = &stream->items[i];
		const struct plan_item *next = &stream->items[(i + 1) % stream->item_count];
		if (item->len >= TRAIN_BYTES_MAX / 2 ||
		    (item->repeat == 1 && next->len != item->len))
			continue;
		const uint8_t *bytes = plan_item_bytes(stream, item);
		if ((item->repeat > 1 && frame_train_follows(bytes, bytes, item->len)) ||
		    (next->len == item->len &&
		     frame_train_follows(bytes, plan_item_bytes(stream, next), item->len)))
			return true;
	}
	return false;
}

static int txring_init(struct engine *engine, const struct plan *plan)
{
	struct txring_engine *own = txring_engine(engine);
	for (size_t i = 0; i < plan->stream_count; i++) {
		bool trains = makes_trains(&plan->streams[i]);
		uint32_t longest = MAX(plan->streams[i].len_max, trains ? TRAIN_BYTES_MAX : 0u);
		own->payload_bytes = MAX(own->payload_bytes, longest + FRAME_TRAIN_VNET_BYTES);
	}
	return 0;
}

static void txring_deinit(struct engine *engine)
{
	struct txring_engine *own = txring_engine(engine);
	while (own->ring_count)
		ring_close(&own->rings[--own->ring_count]);
}

/* Return: 0; negative errno */
static int find_ring(struct txring_engine *own, uint32_t ifindex, struct ring **ret_ring)
{
	for (size_t i = 0; i < own->ring_count; i++) {
		*ret_ring = &own->rings[i];
		if ((*ret_ring)->ifindex == ifindex)
			return 0;
	}
	if (own->ring_count == RINGS_MAX)
		return -E2BIG;
	*ret_ring = &own->rings[own->ring_count];
	int r = ring_open(*ret_ring, ifindex, own->payload_bytes, SLOTS_MAX);
	own->ring_count += r == 0;
	return r;
}

static int ring_problem(const char *name, int r, const char *field, struct problem_set *problems)
{
	switch (r) {
	case -EPERM:
	case -EACCES:
		problem_add(problems, PROBLEM_PERMISSION, PROBLEM_ERROR, field, -r, 0,
			    "Ethernet frames require CAP_NET_RAW, which the agent does not have");
		break;
	case -ENODEV:
	case -ENXIO:
		problem_add(problems, PROBLEM_INTERFACE_GONE, PROBLEM_ERROR, field, -r, 0,
			    "interface %s is gone", name);
		break;
	case -E2BIG:
		problem_add(problems, PROBLEM_KERNEL_ERROR, PROBLEM_ERROR, field, -r, 0,
			    "too many interfaces: %s is one more than the %d that a job may use",
			    name, RINGS_MAX);
		break;
	default:
		problem_add(problems, PROBLEM_KERNEL_ERROR, PROBLEM_ERROR, field, -r, 0,
			    "cannot open a packet ring on %s: %s", name, strerror(-r));
		break;
	}
	return r;
}

/* Return: 0; negative errno, with a problem */
static int find_link(const char *name, struct link *link, const char *field,
		     struct problem_set *problems)
{
	int r = link_by_name(name, link);
	if (r < 0) {
		problem_add(problems, PROBLEM_INTERFACE_GONE, PROBLEM_ERROR, field, -r, 0,
			    "no such interface: %s", name);
		return r;
	}
	if (!link->up) {
		problem_add(problems, PROBLEM_INTERFACE_DOWN, PROBLEM_ERROR, field, ENETDOWN, 0,
			    "interface %s is down", name);
		return -ENETDOWN;
	}
	if (link->has_mac || link->loopback)
		return 0;
	problem_add(problems, PROBLEM_KERNEL_ERROR, PROBLEM_ERROR, field, EAFNOSUPPORT, 0,
		    "interface %s does not carry Ethernet frames", name);
	return -EAFNOSUPPORT;
}

/*
 * The longest frame that leaves quicker as a copy. A device that hands its frames to a receiver on
 * this host makes the kernel copy what refers to pages, and find room for it page by page: one copy
 * at the start costs half.
 */
static uint32_t lone_max(const struct link *link)
{
	bool copied = link->loopback || strcmp(link->driver, "veth") == 0 ||
		      strcmp(link->driver, "tun") == 0;
	return copied ? FRAME_TRAIN_LONE_MAX : LONE_REFERRED_MIN;
}

static void note_link(struct flow *flow, const struct link *link, bool lone)
{
	enum engine_reason_kind kind = ENGINE_REASON_NONE;
	if (link->loopback)
		kind = ENGINE_REASON_LOCAL_RECEIVER;
	else if (!link->scatter_gather)
		kind = ENGINE_REASON_NO_SCATTER_GATHER;
	else if (lone)
		kind = ENGINE_REASON_LONE_FRAMES_COPIED;
	flow->segments_in_kernel = !link->udp_segmentation;
	flow->path.kind = PLAN_ETHERNET;
	flow->path.copies = kind ? PAGECAST__V1__KERNEL_COPIES__KERNEL_COPIES_ONE
				 : PAGECAST__V1__KERNEL_COPIES__KERNEL_COPIES_NONE;
	flow->path.reason = (struct engine_reason){.kind = kind};
	snprintf(flow->path.reason.interface, sizeof flow->path.reason.interface, "%s", link->name);
}

static int txring_flow_init(struct flow *flow, const char *field, struct problem_set *problems)
{
	struct txring_flow *own = container_of(flow, struct txring_flow, flow);
	const char *name = flow->stream->destination.interface;
	struct link link;
	int r = find_link(name, &link, field, problems);
	if (r < 0)
		return r;
	r = find_ring(txring_engine(flow->engine), link.index, &own->ring);
	if (r < 0)
		return ring_problem(name, r, field, problems);
	own->mtu = link.mtu;
	own->lone = flow->stream->len_max <= lone_max(&link) && !makes_trains(flow->stream);
	note_link(flow, &link, own->lone);
	flow->limits = (struct train_limits){
		.segments_max = TRAIN_SEGMENTS_MAX,
		.segment_bytes_max = link.mtu + ETH_HLEN,
	};
	return 0;
}

static void txring_flow_deinit(struct flow *flow)
{
	(void)flow; /* the ring is the engine's, and nothing of this flow waits in it */
}

/* ---- sending ---- */

static bool is_tag(const uint8_t *type)
{
	uint32_t number = (uint32_t)type[0] << 8 | type[1];
	return number == ETH_P_8021Q || number == ETH_P_8021AD;
}

/* Tags do not count against the MTU, up to the two of 802.1ad: devices and switches that carry
 * them leave room for both. */
static bool too_long(const struct txring_flow *own, const struct train *piece)
{
	enum { TYPE_AT = ETH_HLEN - 2, TAGS_MAX = 2 };
	const uint8_t *frame = own->flow.trains->pages.memory + piece->offset;
	uint32_t most = own->mtu + ETH_HLEN;
	for (uint32_t tags = 0; tags < TAGS_MAX && piece->segment_bytes > most; tags++) {
		if (!is_tag(frame + TYPE_AT + tags * VLAN_BYTES))
			return true;
		most += VLAN_BYTES;
	}
	return piece->segment_bytes > most;
}

/* Make the slot hold (the first frames of) @piece, which is shortened to what it holds. */
static void fill_slot(const struct txring_flow *own, uint32_t ahead, struct train *piece,
		      struct engine_counters *counters)
{
	struct ring_slot *content;
	uint8_t *bytes = ring_at(own->ring, ahead, &content);
	const uint8_t *frames = own->flow.trains->pages.memory + piece->offset;
	if (content->filling != own->filling || content->offset != piece->offset ||
	    content->asked != piece->segments || own->flow.stream->stamp.bytes) {
		uint32_t run =
			own->lone ? 1
				  : frame_train_run(frames, piece->segment_bytes, piece->segments);
		*content = (struct ring_slot){
			.filling = own->filling,
			.offset = piece->offset,
			.asked = piece->segments,
			.segments = run,
			.bytes = frame_train_bytes(frames, piece->segment_bytes, run),
		};
		if (own->lone)
			frame_train_write_lone(bytes, frames, piece->segment_bytes);
		else
			frame_train_write(bytes, frames, piece->segment_bytes, run);
	}
	piece->segments = content->segments;
	counters->pages += pages_covered((uintptr_t)bytes, content->bytes);
	ring_ask(own->ring, ahead, content->bytes);
}

/* Fill slots from @at on. Return: how many; 0: no slot is free, or the first piece is too long */
static uint32_t fill(struct txring_flow *own, struct train_cursor at, uint64_t packets_max,
		     struct engine_counters *counters)
{
	struct train *pieces = txring_engine(own->flow.engine)->pieces;
	uint32_t count = 0, trains = 0, longest = own->flow.path.train_packets;
	while (packets_max && count < FLOW_SEND_LONE_MAX && trains < FLOW_SEND_TRAINS_MAX &&
	       !trains_at_end(own->flow.trains, &at) && ring_free(own->ring, count)) {
		struct train piece = flow_next_piece(&own->flow, &at, packets_max);
		if (too_long(own, &piece) ||
		    piece.segment_bytes + FRAME_TRAIN_VNET_BYTES > ring_payload_max(own->ring))
			break;
		fill_slot(own, count, &piece, counters);
		pieces[count++] = piece;
		trains += piece.segments > 1;
		packets_max -= piece.segments;
		longest = MAX(longest, piece.segments);
		trains_advance(own->flow.trains, &at, piece.segments);
	}
	own->flow.path.train_packets = longest;
	return count;
}

static enum flow_fault fault_of(struct flow *flow, const struct train *piece, int error,
				unsigned int tries)
{
	bool train = piece->segments > 1;
	switch (error) {
	case EINTR: return tries < FLOW_RETRIES_MAX ? FLOW_RETRY : FLOW_ROOM;
	case EAGAIN:
	case ENOMEM: return FLOW_ROOM;
	case ENOBUFS:
		if (!train || !flow->segments_in_kernel)
			return FLOW_ROOM;
		flow_train_refused(flow, error); /* some segments may have left: see flow_fault() */
		return FLOW_REFUSED;
	case EMSGSIZE:
	case EINVAL:
	case EIO:
	case EFAULT:
	case EOPNOTSUPP: return train ? flow_train_refused(flow, error) : FLOW_REFUSED;
	default: return FLOW_REFUSED;
	}
}

/* Nothing could be filled: why? */
static void stop_empty(struct txring_flow *own, struct train_cursor *cursor,
		       struct engine_result *result)
{
	struct train piece = flow_next_piece(&own->flow, cursor, 1);
	if (!ring_free(own->ring, 0))
		flow_stopped(&own->flow, cursor, &piece, FLOW_ROOM, EAGAIN, result);
	else
		flow_stopped(&own->flow, cursor, &piece, FLOW_REFUSED, EMSGSIZE, result);
}

static void txring_send(struct flow *flow, struct train_cursor *cursor, uint64_t packets_max,
			struct engine_result *result, struct engine_counters *counters)
{
	struct txring_flow *own = container_of(flow, struct txring_flow, flow);
	const struct train *pieces = txring_engine(flow->engine)->pieces;
	for (unsigned int tries = 0; !result->sent; tries++) {
		int error;
		uint32_t count = fill(own, *cursor, packets_max, counters);
		if (count == 0) {
			stop_empty(own, cursor, result);
			return;
		}
		uint32_t taken = ring_kick(own->ring, count, &error, counters);
		for (uint32_t i = 0; i < taken; i++)
			flow_sent(flow, cursor, &pieces[i], result);
		result->longest_burst = MAX(result->longest_burst, result->sent);
		if (taken == count)
			break;
		enum flow_fault fault = fault_of(flow, &pieces[taken], error, tries);
		if (fault == FLOW_RETRY || fault == FLOW_RECUT)
			continue;
		flow_stopped(flow, cursor, &pieces[taken], fault, error, result);
		break;
	}
}

static bool txring_let_go(struct flow *flow, uint32_t slot)
{
	(void)flow; /* frames leave from the ring, whose slots say when they are free */
	(void)slot;
	return true;
}

static int txring_load(struct flow *flow)
{
	struct txring_flow *own = container_of(flow, struct txring_flow, flow);
	own->filling = ++txring_engine(flow->engine)->fillings;
	flow->path.method = ENGINE_METHOD_RING;
	return 0;
}

static const char *txring_serves(const struct plan_destination *destination)
{
	return destination->kind == PLAN_ETHERNET ? NULL
						  : "a packet ring sends Ethernet frames only";
}

const struct engine_ops engine_txring_ops = {
	.kind = PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_TXRING,
	.name = "TXRING",
	.engine_bytes = sizeof(struct txring_engine),
	.flow_bytes = sizeof(struct txring_flow),
	.serves = txring_serves,
	.init = txring_init,
	.deinit = txring_deinit,
	.flow_init = txring_flow_init,
	.flow_deinit = txring_flow_deinit,
	.let_go = txring_let_go,
	.load = txring_load,
	.send = txring_send,
};
