/* pcap: see pcap.h. Format: draft-ietf-opsawg-pcap; fields in this machine's byte order, as the
 * magic number shows. */
#include "api/codec/pcap.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct file_head {
	uint32_t magic;
	uint16_t version_major, version_minor;
	uint32_t reserved1, reserved2, snap_length, link_type;
};
struct packet_head {
	uint32_t seconds, nanoseconds, captured_bytes, original_bytes;
};
_Static_assert(sizeof(struct file_head) == 24 && sizeof(struct packet_head) == 16, "as on disk");

enum { LINK_ETHERNET = 1, LINK_RAW_IP = 101, SNAP_LENGTH = 262144, ETHERNET_BYTES = 14 };
#define MAGIC_NANOSECONDS UINT32_C(0xa1b23c4d)

static bool has_frame(const Pagecast__V1__PreviewJobResponse *preview)
{
	for (size_t i = 0; i < preview->n_packets; i++)
		if (preview->packets[i]->frame)
			return true;
	return false;
}

/* Bytes that stand before an IP packet in a file of frames. */
static size_t lead_bytes(const Pagecast__V1__PreviewPacket *packet, bool ethernet)
{
	return ethernet && !packet->frame ? ETHERNET_BYTES : 0;
}

static uint8_t *put(uint8_t *at, const void *data, size_t len)
{
	if (len)
		memcpy(at, data, len);
	return at + len;
}

static uint8_t *put_packet(uint8_t *at, const Pagecast__V1__PreviewPacket *packet, bool ethernet)
{
	static const uint8_t V4_HEAD[ETHERNET_BYTES] = {[12] = 0x08, [13] = 0x00};
	static const uint8_t V6_HEAD[ETHERNET_BYTES] = {[12] = 0x86, [13] = 0xdd};
	size_t lead = lead_bytes(packet, ethernet);
	bool v6 = packet->bytes.len && packet->bytes.data[0] >> 4 == 6;
	struct packet_head head = {
		.seconds = packet->at ? (uint32_t)packet->at->seconds : 0,
		.nanoseconds = packet->at ? (uint32_t)packet->at->nanos : 0,
		.captured_bytes = (uint32_t)(lead + packet->bytes.len),
		.original_bytes = (uint32_t)(lead + packet->bytes.len),
	};
	at = put(at, &head, sizeof head);
	at = put(at, v6 ? V6_HEAD : V4_HEAD, lead);
	return put(at, packet->bytes.data, packet->bytes.len);
}

uint8_t *pcap_write(const Pagecast__V1__PreviewJobResponse *preview, size_t *ret_len)
{
	bool ethernet = has_frame(preview);
	size_t len = sizeof(struct file_head);
	for (size_t i = 0; i < preview->n_packets; i++)
		len += sizeof(struct packet_head) + lead_bytes(preview->packets[i], ethernet) +
		       preview->packets[i]->bytes.len;
	uint8_t *file = malloc(len);
	if (!file)
		return NULL;
	struct file_head head = {
		.magic = MAGIC_NANOSECONDS,
		.version_major = 2,
		.version_minor = 4,
		.snap_length = SNAP_LENGTH,
		.link_type = ethernet ? LINK_ETHERNET : LINK_RAW_IP,
	};
	uint8_t *at = put(file, &head, sizeof head);
	for (size_t i = 0; i < preview->n_packets; i++)
		at = put_packet(at, preview->packets[i], ethernet);
	*ret_len = len;
	return file;
}
