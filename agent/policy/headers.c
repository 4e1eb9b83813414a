/*
 * headers: see headers.h.
 *
 * The walker (packet/walk.h) finds the headers, in whatever they are wrapped; here each
 * destination, source and port is held against the same rules as those that a spec names. What the
 * walker cannot open is forbidden unless the policy says allow_unjudged. Only the first bytes of a
 * payload are generated, and payloads that are equal are judged once. When the list of violations
 * is full, the rest of the payloads is not looked at.
 */
#include "policy/headers.h"

#include "base/util.h"
#include "packet/plan_bytes.h"
#include "packet/walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	HEAD_BYTES = 512,  /* enough for the headers of nearly every packet */
	JUDGED_MAX = 64,   /* different payloads remembered at a time */
	MEMBER_BYTES = 48, /* ".payloads[65535]" */
};

struct judged { /* a payload that was judged by its first bytes alone */
	uint32_t len, head_len;
	uint8_t head[HEAD_BYTES];
};

struct bench { /* what a stream's payloads are judged with */
	struct walk walk;
	uint8_t bytes[WALK_BYTES_MAX];
	struct judged judged[JUDGED_MAX]; /* by hash; head_len 0: none */
	bool changes_forbidden;		  /* named already: once is enough */
};

bool headers_carrier(uint8_t protocol)
{
	static const uint8_t CARRIERS[] = {
		IPPROTO_HOPOPTS,  IPPROTO_IPIP,	   IPPROTO_IPV6,    IPPROTO_ROUTING,
		IPPROTO_GRE,	  IPPROTO_DSTOPTS, 55 /* MOBILE */, 94 /* IPIP */,
		97 /* EtherIP */, IPPROTO_ENCAP,   115 /* L2TP */,  IPPROTO_MPLS,
	};
	return memchr(CARRIERS, protocol, sizeof CARRIERS) != NULL;
}

static uint16_t port_of(const union net_ip *ip)
{
	switch (ip->any.sa_family) {
	case AF_INET: return ntohs(ip->v4.sin_port);
	case AF_INET6: return ntohs(ip->v6.sin6_port);
	default: return 0;
	}
}

/* Can the payloads of @stream have headers? */
static bool headers_present(const struct plan_stream *stream)
{
	const struct plan_destination *destination = &stream->destination;
	switch (destination->kind) {
	case PLAN_UDP:
		return walk_udp_opens(port_of(&destination->from), port_of(&destination->to));
	case PLAN_RAW_IP:
		return destination->header_included || walk_protocol_opens(destination->protocol);
	case PLAN_ETHERNET: return true;
	}
	return true;
}

static void start(struct walk *walk, const struct plan_destination *destination,
		  const uint8_t *bytes, size_t len, size_t total)
{
	const uint8_t *ipv6_target =
		destination->family == AF_INET6 ? destination->to.v6.sin6_addr.s6_addr : NULL;
	switch (destination->kind) {
	case PLAN_UDP:
		walk_start_udp(walk, port_of(&destination->from), port_of(&destination->to), bytes,
			       len, total);
		break;
	case PLAN_RAW_IP:
		if (destination->header_included)
			walk_start_ip(walk, bytes, len, total);
		else
			walk_start_protocol(walk, destination->protocol, ipv6_target, bytes, len,
					    total);
		break;
	case PLAN_ETHERNET:
		walk_start_ethernet(walk, bytes, len, total);
		memcpy(walk->vlan_types, destination->vlan_types, sizeof walk->vlan_types);
		_Static_assert(sizeof walk->vlan_types == sizeof destination->vlan_types,
			       "the walker knows as many VLAN types as a FrameHeader names");
		break;
	}
}

static void judge_mac(struct verdict *verdict, const char *member, const uint8_t *mac)
{
	static const uint8_t BROADCAST[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	const Pagecast__V1__Policy *message = verdict->policy->message;
	bool broadcast = memcmp(mac, BROADCAST, sizeof BROADCAST) == 0;
	if (broadcast && !message->allow_broadcast)
		verdict_forbid(verdict, member, "allowBroadcast",
			       "the frame is a broadcast, which the policy forbids "
			       "(allowBroadcast)");
	else if (!broadcast && mac[0] & 1 && !message->allow_multicast)
		verdict_forbid(verdict, member, "allowMulticast",
			       "the frame is a multicast, which the policy forbids "
			       "(allowMulticast)");
}

static void judge_header(struct verdict *verdict, const char *member, const struct walk *walk)
{
	if (walk->mac)
		judge_mac(verdict, member, walk->mac);
	for (size_t i = 0; i < walk->address_count; i++) {
		const struct walk_address *found = &walk->addresses[i];
		struct ip_address address = ip_of_bytes(found->family, found->bytes);
		if (found->target)
			verdict_target(verdict, member, &address);
		else if (!ip_is_zero(&address)) /* the kernel fills it in, or nobody can answer */
			verdict_source(verdict, member, &address);
	}
	if (walk->has_ports)
		verdict_port(verdict, member, walk->target_port);
}

static bool is_transport(enum walk_kind kind)
{
	return kind == WALK_UDP || kind == WALK_TCP || kind == WALK_PORTS;
}

static void judge_end(struct verdict *verdict, const char *member, const struct walk *walk)
{
	const Pagecast__V1__Policy *message = verdict->policy->message;
	char reason[WALK_REASON_BYTES];
	if (walk->end == WALK_LEAF || message->allow_unjudged)
		return;
	/* Without ports a packet reaches no receiver: it matters where ports are restricted. */
	if (walk->end == WALK_CUT && is_transport(walk->end_kind) && !walk->has_ports &&
	    !message->n_allowed_ports)
		return;
	verdict_forbid(verdict, member, "allowUnjudged",
		       "%s: the policy cannot judge its destinations, and forbids such packets "
		       "(allowUnjudged)",
		       walk_reason(walk, reason));
}

/* The first bytes of an item, as many as its headers need. Leaves the walk at its start. */
static size_t read_head(struct bench *bench, const struct plan_stream *stream,
			const struct plan_item *item)
{
	const struct plan_destination *destination = &stream->destination;
	size_t len = plan_item_head(stream, item, bench->bytes, HEAD_BYTES);
	start(&bench->walk, destination, bench->bytes, len, item->len);
	while (walk_next(&bench->walk))
		continue;
	if (bench->walk.end == WALK_CUT && item->len > len)
		len = plan_item_head(stream, item, bench->bytes, WALK_BYTES_MAX);
	start(&bench->walk, destination, bench->bytes, len, item->len);
	return len;
}

/* Was an equal payload judged before? Remembers this one. Longer heads are not compared. */
static bool is_known(struct bench *bench, uint32_t len, size_t head_len)
{
	uint32_t hash = UINT32_C(2166136261) ^ len; /* FNV-1a: collisions cost time only */
	if (!head_len || head_len > HEAD_BYTES)
		return false;
	for (size_t i = 0; i < head_len; i++)
		hash = (hash ^ bench->bytes[i]) * UINT32_C(16777619);
	struct judged *judged = &bench->judged[hash % JUDGED_MAX];
	if (judged->len == len && judged->head_len == head_len &&
	    memcmp(judged->head, bench->bytes, head_len) == 0)
		return true;
	judged->len = len;
	judged->head_len = (uint32_t)head_len;
	memcpy(judged->head, bench->bytes, head_len);
	return false;
}

/* Bytes from the start of a packet in which headers are, or may be: what follows @last, the header
 * that the walk reached last, may become a packet by what changes in it if @last @carries. */
static size_t judged_bytes(const struct walk *walk, const struct walk_header *last, bool carries)
{
	size_t end = last->offset + last->len;
	return walk->end == WALK_LEAF && !carries && end ? end : WALK_BYTES_MAX;
}

enum { WHY_BYTES = 160 };

static const char *why_not(size_t end, char out[static WHY_BYTES])
{
	snprintf(out, WHY_BYTES,
		 "up to byte %zu there are headers that the policy judges, or there may be: it "
		 "forbids what it cannot judge (allowUnjudged)",
		 end);
	return out;
}

/* What a stream changes from one packet to the next must not be what was judged. Return: it is not
 */
static bool judge_changes(struct verdict *verdict, const struct plan_stream *stream,
			  const struct plan_item *item, size_t end)
{
	char why[WHY_BYTES];
	size_t before = verdict->error->violation_count;
	why_not(end, why);
	for (size_t i = 0; i < stream->modifier_count; i++) {
		char member[MEMBER_BYTES];
		snprintf(member, sizeof member, ".modifiers[%zu]", i);
		if (stream->modifiers[i].offset < end)
			verdict_forbid(verdict, member, "allowUnjudged", "changes byte %u, and %s",
				       stream->modifiers[i].offset, why);
	}
	uint32_t stamp_at = item->len - MIN(item->len, (uint32_t)stream->stamp.bytes);
	if (stream->stamp.bytes && stamp_at < end)
		verdict_forbid(verdict, ".stamp", "allowUnjudged", "begins at byte %u, and %s",
			       stamp_at, why);
	return verdict->error->violation_count == before;
}

/* Nor must what a payload draws anew for each packet. */
static void judge_draws(struct verdict *verdict, const struct plan_stream *stream,
			const struct plan_item *item, const char *member, size_t end)
{
	char why[WHY_BYTES];
	uint32_t from = plan_item_drawn_from(stream, item);
	if (from < item->len && from < end)
		verdict_forbid(verdict, member, "allowUnjudged",
			       "random bytes that differ from packet to packet (random.each) begin "
			       "at byte %u, and %s",
			       from, why_not(end, why));
}

static void judge_item(struct verdict *verdict, struct bench *bench,
		       const struct plan_stream *stream, size_t index)
{
	const struct plan_item *item = &stream->items[index];
	char member[MEMBER_BYTES];
	size_t head_len = read_head(bench, stream, item);
	bool drawn = plan_item_drawn_from(stream, item) < item->len; /* equal heads say nothing */
	if (is_known(bench, item->len, head_len) && !drawn)
		return;
	snprintf(member, sizeof member, ".payloads[%zu]", plan_item_payload(stream, item));
	struct walk_header last = {0};
	bool carries = false;
	while (walk_next(&bench->walk)) {
		judge_header(verdict, member, &bench->walk);
		last = bench->walk.header;
		carries = bench->walk.has_ports &&
			  walk_udp_opens(bench->walk.source_port, bench->walk.target_port);
	}
	judge_end(verdict, member, &bench->walk);
	if (!plan_varies(stream) || verdict->policy->message->allow_unjudged)
		return;
	size_t end = judged_bytes(&bench->walk, &last, carries);
	if (!bench->changes_forbidden)
		bench->changes_forbidden = !judge_changes(verdict, stream, item, end);
	judge_draws(verdict, stream, item, member, end);
}

void headers_judge(struct verdict *verdict, const struct plan_stream *stream)
{
	if (!headers_present(stream))
		return;
	_cleanup_free_ struct bench *bench = calloc(1, sizeof *bench);
	if (!bench) {
		verdict->no_memory = true;
		return;
	}
	verdict->field[strcspn(verdict->field, ".")] = '\0'; /* the payloads stand beside ".udp" */
	for (size_t i = 0; i < stream->item_count; i++) {
		if (verdict->error->violation_count == ERROR_VIOLATIONS_MAX)
			break;
		judge_item(verdict, bench, stream, i);
	}
}
