/* checksum: see checksum.h. */
#include "packet/checksum.h"

#include <arpa/inet.h>
#include <string.h>

uint64_t checksum_add(const uint8_t *bytes, size_t len)
{
	uint64_t sum = 0;
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	if (len % 2)
		sum += (uint32_t)bytes[len - 1] << 8;
	return sum;
}

uint16_t checksum_fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

void checksum_put(uint8_t *at, uint16_t network_order)
{
	memcpy(at, &network_order, sizeof network_order);
}

uint64_t checksum_pseudo(const uint8_t *addresses, size_t addresses_len, uint8_t protocol,
			 uint32_t message_len)
{
	return checksum_add(addresses, addresses_len) + protocol + (message_len >> 16) +
	       (message_len & 0xffff);
}
