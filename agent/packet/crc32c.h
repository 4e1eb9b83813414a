/* crc32c: the Castagnoli CRC of RFC 3720, by the CPU's instructions where it has them. Pure. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/** crc32c() - of @bytes, continued from @before: what it gave for the bytes ahead; 0 at the start
 */
uint32_t crc32c(uint32_t before, const uint8_t *bytes, size_t len);

/**
 * crc32c_numbered() - the CRCs of @count messages that differ by a number: the CPU computes several
 * at the same time
 * @before: CRC of what stands in front, the same for all
 * @number: of the first; each message goes on with its number, big-endian, in 8 bytes, and then
 *with
 *	    @word and @half as they lie in memory
 * @ret_crcs: [@count]
 */
void crc32c_numbered(uint32_t before, uint64_t number, size_t count, uint64_t word, uint32_t half,
		     uint32_t *ret_crcs);
