/* network: see network.h. */
#include "policy/network.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	if (memcmp(a, b, bits / 8) != 0)
		return false;
	unsigned int rest = bits % 8;
	return !rest || (a[bits / 8] ^ b[bits / 8]) >> (8 - rest) == 0;
}

static unsigned int bits_of(int family)
{
	return family == AF_INET ? 32 : 128;
}

static bool is_mapped(const uint8_t *bytes)
{
	static const uint8_t MAPPED[12] = {[10] = 0xff, [11] = 0xff};
	return memcmp(bytes, MAPPED, sizeof MAPPED) == 0;
}

static bool zero_behind(const uint8_t *bytes, unsigned int prefix_bits, unsigned int bits)
{
	for (unsigned int b = prefix_bits; b < bits; b++)
		if (bytes[b / 8] >> (7 - b % 8) & 1)
			return false;
	return true;
}

const char *network_parse(const char *text, struct network *ret_network)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	struct network network = {.address.family = strchr(text, ':') ? AF_INET6 : AF_INET};
	if (len >= sizeof address)
		return "is not a network: write it as 10.0.0.0/8 or fe80::/10";
	memcpy(address, text, len);
	address[len] = '\0';
	if (inet_pton(network.address.family, address, network.address.bytes) != 1)
		return "is not a network: write it as 10.0.0.0/8 or fe80::/10";
	unsigned int bits = bits_of(network.address.family), prefix_bits = bits;
	if (slash) {
		char *end;
		prefix_bits = (unsigned int)strtoul(slash + 1, &end, 10);
		if (slash[1] < '0' || slash[1] > '9' || *end || end - slash > 4 ||
		    prefix_bits > bits)
			return bits == 32 ? "does not have an IPv4 prefix of 0 to 32"
					  : "does not have an IPv6 prefix of 0 to 128";
	}
	if (!zero_behind(network.address.bytes, prefix_bits, bits))
		return "has bits set behind its prefix";
	if (network.address.family == AF_INET6 && prefix_bits >= 96 &&
	    is_mapped(network.address.bytes))
		return "is an IPv4 network in IPv6 form: write the IPv4 network";
	network.prefix_bits = (uint8_t)prefix_bits;
	*ret_network = network;
	return NULL;
}

void network_text(const struct network *network, char ret_text[static NETWORK_TEXT_MAX])
{
	char address[INET6_ADDRSTRLEN];
	ip_text(&network->address, address);
	snprintf(ret_text, NETWORK_TEXT_MAX, "%s/%u", address, network->prefix_bits);
}

bool network_has(const struct network *network, const struct ip_address *address)
{
	return network->address.family == address->family &&
	       same_bits(network->address.bytes, address->bytes, network->prefix_bits);
}

struct ip_address ip_of_bytes(int family, const void *bytes)
{
	struct ip_address address = {.family = family};
	if (family == AF_INET6 && is_mapped(bytes)) {
		address.family = AF_INET;
		memcpy(address.bytes, (const uint8_t *)bytes + 12, 4);
	} else {
		memcpy(address.bytes, bytes, bits_of(family) / 8);
	}
	return address;
}

struct ip_address ip_of(const struct sockaddr *sockaddr)
{
	if (sockaddr->sa_family == AF_INET)
		return ip_of_bytes(AF_INET, &((const struct sockaddr_in *)sockaddr)->sin_addr);
	if (sockaddr->sa_family == AF_INET6)
		return ip_of_bytes(AF_INET6, &((const struct sockaddr_in6 *)sockaddr)->sin6_addr);
	return (struct ip_address){.family = AF_UNSPEC};
}

void ip_text(const struct ip_address *address, char ret_text[static INET6_ADDRSTRLEN])
{
	if (!inet_ntop(address->family, address->bytes, ret_text, INET6_ADDRSTRLEN))
		ret_text[0] = '\0';
}

bool ip_equal(const struct ip_address *a, const struct ip_address *b)
{
	return a->family == b->family && same_bits(a->bytes, b->bytes, bits_of(a->family));
}

bool ip_is_zero(const struct ip_address *address)
{
	return zero_behind(address->bytes, 0, bits_of(address->family));
}

bool ip_is_unspecified(const struct ip_address *address)
{
	return address->family == AF_INET ? address->bytes[0] == 0 : ip_is_zero(address);
}

bool ip_is_multicast(const struct ip_address *address)
{
	if (address->family == AF_INET)
		return address->bytes[0] >> 4 == 0xe;
	return address->bytes[0] == 0xff;
}

static struct ip_address last_four(const uint8_t *bytes)
{
	return ip_of_bytes(AF_INET, bytes + 12);
}

static bool is_isatap(const uint8_t *bytes)
{
	return (bytes[8] & 0xfd) == 0 && bytes[9] == 0 && bytes[10] == 0x5e && bytes[11] == 0xfe;
}

size_t ip_embedded(const struct ip_address *address,
		   struct ip_address ret_addresses[static IP_EMBEDDED_MAX])
{
	static const uint8_t NAT64[12] = {0x00, 0x64, 0xff, 0x9b};
	static const uint8_t TRANSLATED[12] = {[8] = 0xff, [9] = 0xff}; /* ::ffff:0:0:0/96 */
	static const uint8_t COMPATIBLE[12];
	static const uint8_t LOOPBACK[16] = {[15] = 1};
	static const uint8_t TEREDO[4] = {0x20, 0x01};
	const uint8_t *bytes = address->bytes;
	if (address->family != AF_INET6 || memcmp(bytes, LOOPBACK, sizeof LOOPBACK) == 0)
		return 0;
	if (bytes[0] == 0x20 && bytes[1] == 0x02) { /* 6to4 */
		ret_addresses[0] = ip_of_bytes(AF_INET, bytes + 2);
		return 1;
	}
	if (memcmp(bytes, TEREDO, sizeof TEREDO) == 0) { /* server, then the client in ones'
							    complement */
		uint8_t client[4];
		for (int i = 0; i < 4; i++)
			client[i] = (uint8_t)~bytes[12 + i];
		ret_addresses[0] = ip_of_bytes(AF_INET, bytes + 4);
		ret_addresses[1] = ip_of_bytes(AF_INET, client);
		return 2;
	}
	if (memcmp(bytes, NAT64, 12) == 0 || memcmp(bytes, TRANSLATED, 12) == 0 ||
	    memcmp(bytes, COMPATIBLE, 12) == 0 || is_isatap(bytes)) {
		ret_addresses[0] = last_four(bytes);
		return 1;
	}
	return 0;
}

bool ip_is_local_nat64(const struct ip_address *address)
{
	static const uint8_t PREFIX[6] = {0x00, 0x64, 0xff, 0x9b, 0x00, 0x01};
	return address->family == AF_INET6 && memcmp(address->bytes, PREFIX, sizeof PREFIX) == 0;
}
