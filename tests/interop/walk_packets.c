/*
 * walk_packets: random packets for test_tshark_walk.py: wrapped in anything, whole or damaged, as
 * frames of a pcap file; and for each a line of what the walker found in it.
 *
 *   walk_packets SEED COUNT FILE
 *   0 leaf 10.0.0.1 2a00::8        (index, how the walk ended, destinations)
 */
#include "lib/wrap.h"
#include "packet/walk.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SNAP_MAX = 65535, LINK_ETHERNET = 1, DAMAGED_BYTES = 160 };

static uint64_t state;

static uint32_t pick(uint32_t below) /* splitmix64 */
{
	uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ z >> 31) >> 16) % below;
}

static void random_bytes(uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)pick(256);
}

/* Every header gets an address of its own, so that none is taken for another. */
static struct wrap_addresses fresh_addresses(void)
{
	struct wrap_addresses outer = {.from6 = {0x20, 0x01, 0x0d, 0xb8},
				       .to6 = {0x20, 0x01, 0x0d, 0xb8}};
	random_bytes(outer.from4, 4);
	random_bytes(outer.to4, 4);
	random_bytes(outer.from6 + 4, 12);
	random_bytes(outer.to6 + 4, 12);
	return outer;
}

static void random_packet(struct wrap *wrap)
{
	static const uint8_t MAC[6] = {0x02, 0, 0, 0, 0, 1};
	static const uint16_t PORTS[] = {53, 9000, 4789, 6081, 2152, 3544};
	struct wrap_addresses outer = fresh_addresses();
	bool v6 = pick(2);
	wrap_inner(wrap, v6, v6 ? outer.from6 : outer.from4, v6 ? outer.to6 : outer.to4,
		   pick(2) ? IPPROTO_UDP : IPPROTO_TCP, PORTS[pick(6)]);
	if (pick(8) == 0)
		wrap_quote(wrap);
	for (uint32_t i = 0, depth = pick(6); i < depth; i++) {
		outer = fresh_addresses();
		wrap_apply(wrap, pick((uint32_t)wrap_count()), &outer, pick(UINT32_MAX));
	}
	outer = fresh_addresses();
	if (!wrap_frame(wrap, MAC, &outer))
		abort(); /* everything fits a frame */
}

/* Bits, bytes, pieces; what is cut is cut at the end, which wrap keeps fixed. */
static size_t damage(uint8_t *packet, size_t len)
{
	size_t reach = len < DAMAGED_BYTES ? len : DAMAGED_BYTES;
	for (uint32_t times = 1 + pick(3); times; times--) {
		size_t at = 12 + pick((uint32_t)reach - 12), from = pick((uint32_t)reach);
		switch (pick(5)) {
		case 0: packet[at] ^= (uint8_t)(1 << pick(8)); break;
		case 1: packet[at] = (uint8_t)pick(256); break;
		case 2: packet[at] = packet[from]; break;
		case 3: packet[at] = (uint8_t)(pick(2) ? 0 : 0xff); break;
		default: len -= pick((uint32_t)len - 13); return len;
		}
	}
	return len;
}

static void describe(uint32_t index, struct walk *walk, const uint8_t *packet, size_t len)
{
	static const char *const ENDS[] = {"leaf", "cut",   "malformed", "hidden",
					   "deep", "piece", "ambiguous"};
	char targets[8192] = "";
	walk_start_ethernet(walk, packet, len, len);
	while (walk_next(walk)) {
		for (size_t i = 0; i < walk->address_count; i++) {
			char text[INET6_ADDRSTRLEN];
			size_t used = strlen(targets);
			if (!walk->addresses[i].target)
				continue;
			inet_ntop(walk->addresses[i].family, walk->addresses[i].bytes, text,
				  sizeof text);
			snprintf(targets + used, sizeof targets - used, " %s", text);
		}
	}
	printf("%u %s%s\n", index, ENDS[walk->end], targets);
}

static void put_record(FILE *file, uint32_t index, const uint8_t *packet, size_t len)
{
	const uint32_t record[] = {index, 0, (uint32_t)len, (uint32_t)len};
	fwrite(record, sizeof record, 1, file);
	fwrite(packet, len, 1, file);
}

int main(int argc, char **argv)
{
	static struct wrap wrap;
	static struct walk walk;
	if (argc != 4) {
		fprintf(stderr, "usage: walk_packets SEED COUNT FILE\n");
		return 2;
	}
	state = strtoull(argv[1], NULL, 10);
	uint32_t count = (uint32_t)strtoul(argv[2], NULL, 10);
	FILE *file = fopen(argv[3], "wb");
	if (!file) {
		perror(argv[3]);
		return 1;
	}
	const struct {
		uint32_t magic;
		uint16_t major, minor;
		uint32_t zone, precision, snap, link;
	} header = {0xa1b2c3d4, 2, 4, 0, 0, SNAP_MAX, LINK_ETHERNET};
	fwrite(&header, sizeof header, 1, file);
	for (uint32_t i = 0; i < count; i++) {
		random_packet(&wrap);
		uint8_t *packet = wrap.bytes + wrap.at;
		size_t len = wrap_len(&wrap);
		if (pick(2))
			len = damage(packet, len);
		describe(i, &walk, packet, len);
		put_record(file, i, packet, len);
	}
	if (fclose(file)) {
		perror(argv[3]);
		return 1;
	}
	return 0;
}
