/* crc32c: the Castagnoli CRC of RFC 3720, by the CPU's instructions where it has them. Pure. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/** crc32c() - of @bytes, continued from @before: what it gave for the bytes ahead; 0 at the start
 */
uint32_t crc32c(uint32_t before, const uint8_t *bytes, size_t len);
