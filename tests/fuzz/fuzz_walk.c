/*
 * The walk through a packet: it stays within the bytes, its headers follow one another, it ends,
 * and of a packet that is cut anywhere it either sees the same or says that it could not.
 *
 * Input: one byte for the start, two for the protocol or port, two for the cut, then the packet.
 */
#include <string.h>

#include "fuzz/fuzz.h"
#include "packet/walk.h"

enum { HEAD_BYTES = 5, SEEN_MAX = WALK_HEADERS_MAX * WALK_ADDRESSES_MAX };

struct seen {
	size_t count;
	struct walk_address addresses[SEEN_MAX];
	uint16_t ports[WALK_HEADERS_MAX];
	size_t port_count;
	enum walk_end end;
};

static void start(struct walk *walk, const uint8_t *head, const uint8_t *bytes, size_t len,
		  size_t total)
{
	static const uint8_t TARGET[16] = {0xfd, [15] = 1};
	uint16_t number = walk_u16(head + 1);
	switch (head[0] & 3) {
	case 0:
		walk_start_ethernet(walk, bytes, len, total);
		walk->vlan_types[0] = number;
		break;
	case 1: walk_start_ip(walk, bytes, len, total); break;
	case 2:
		walk_start_protocol(walk, (uint8_t)number, number >> 8 & 1 ? TARGET : NULL, bytes,
				    len, total);
		break;
	default: walk_start_udp(walk, 50000, number, bytes, len, total);
	}
}

static void look(struct walk *walk, size_t len, struct seen *seen)
{
	size_t at = 0, headers = 0, count = 0, ports = 0;
	while (walk_next(walk)) {
		FUZZ_CHECK(walk->header.kind > WALK_NOTHING && walk->header.kind < WALK_KINDS);
		FUZZ_CHECK(walk->header.offset == at);
		FUZZ_CHECK(walk->header.layer <= WALK_LAYERS_MAX);
		at += walk->header.len;
		FUZZ_CHECK(at <= len || walk->next == WALK_NOTHING);
		FUZZ_CHECK(++headers <= WALK_HEADERS_MAX);
		FUZZ_CHECK(walk->address_count <= WALK_ADDRESSES_MAX);
		for (size_t i = 0; i < walk->address_count; i++)
			seen->addresses[count++] = walk->addresses[i];
		if (walk->has_ports)
			seen->ports[ports++] = walk->target_port;
	}
	FUZZ_CHECK(!walk_next(walk));
	FUZZ_CHECK(walk->end_at <= len);
	char text[WALK_REASON_BYTES];
	FUZZ_CHECK(*walk_reason(walk, text));
	seen->count = count;
	seen->port_count = ports;
	seen->end = walk->end;
}

static int same(const struct walk_address *a, const struct walk_address *b)
{
	return a->family == b->family && a->target == b->target &&
	       memcmp(a->bytes, b->bytes, a->family == AF_INET ? 4 : 16) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct walk walk;
	static struct seen whole, part;
	if (size < HEAD_BYTES)
		return 0;
	size_t len = size - HEAD_BYTES, cut = len ? walk_u16(data + 3) % len : 0;
	start(&walk, data, data + HEAD_BYTES, len, len);
	look(&walk, len, &whole);
	uint8_t *exact = malloc(cut + 1); /* reading behind the cut is found */
	FUZZ_CHECK(exact);
	memcpy(exact, data + HEAD_BYTES, cut);
	start(&walk, data, exact, cut, len);
	look(&walk, cut, &part);
	free(exact);
	FUZZ_CHECK(part.count <= whole.count && part.port_count <= whole.port_count);
	for (size_t i = 0; i < part.count; i++)
		FUZZ_CHECK(same(&part.addresses[i], &whole.addresses[i]));
	FUZZ_CHECK(part.end != WALK_LEAF || (part.count == whole.count && whole.end == WALK_LEAF));
	return 0;
}
