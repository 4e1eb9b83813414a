/*
 * crc32c: see crc32c.h. Own code: the libraries that offer it (zlib has another polynomial) are no
 * part of Debian's base, and a stamp is checked for every packet.
 */
#include "packet/crc32c.h"

#include <endian.h>
#include <string.h>

#if defined __aarch64__
#include <sys/auxv.h>
#ifndef HWCAP_CRC32
#define HWCAP_CRC32 (1 << 7)
#endif
#if defined __clang__
#define CRC_TARGET "crc"
#define CRC_WORD   __builtin_arm_crc32cd
#define CRC_HALF   __builtin_arm_crc32cw
#define CRC_BYTE   __builtin_arm_crc32cb
#else
#define CRC_TARGET "+crc"
#define CRC_WORD   __builtin_aarch64_crc32cx
#define CRC_HALF   __builtin_aarch64_crc32cw
#define CRC_BYTE   __builtin_aarch64_crc32cb
#endif
#elif defined __x86_64__
#define CRC_TARGET "sse4.2"
#define CRC_WORD   __builtin_ia32_crc32di
#define CRC_HALF   __builtin_ia32_crc32si
#define CRC_BYTE   __builtin_ia32_crc32qi
#endif

/* One byte at a time, for CPUs without the instruction. */
static uint32_t by_bits(uint32_t crc, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (UINT32_C(0x82f63b78) & -(crc & 1));
	}
	return crc;
}

#if defined __x86_64__
#define HAS_INSTRUCTION __builtin_cpu_supports("sse4.2")
#elif defined __aarch64__
#define HAS_INSTRUCTION (getauxval(AT_HWCAP) & HWCAP_CRC32)
#else
#define HAS_INSTRUCTION 0
#endif

#if defined CRC_TARGET
__attribute__((target(CRC_TARGET))) static uint32_t by_cpu(uint32_t crc, const uint8_t *bytes,
							   size_t len)
{
	for (; len >= 8; bytes += 8, len -= 8) {
		uint64_t word;
		memcpy(&word, bytes, sizeof word);
		crc = (uint32_t)CRC_WORD(crc, word);
	}
	if (len >= 4) { /* a stamp's 28 and 12 bytes end here */
		uint32_t half;
		memcpy(&half, bytes, sizeof half);
		crc = CRC_HALF(crc, half);
		bytes += 4;
		len -= 4;
	}
	for (; len; bytes++, len--)
		crc = CRC_BYTE(crc, *bytes);
	return crc;
}

__attribute__((target(CRC_TARGET))) static void numbered_by_cpu(uint32_t crc, uint64_t number,
								size_t count, uint64_t word,
								uint32_t half, uint32_t *ret_crcs)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t one = (uint32_t)CRC_WORD(crc, htobe64(number + i));
		one = (uint32_t)CRC_WORD(one, word);
		ret_crcs[i] = ~CRC_HALF(one, half);
	}
}
#else
#define by_cpu		by_bits
#define numbered_by_cpu numbered_by_bits
#endif

static void numbered_by_bits(uint32_t crc, uint64_t number, size_t count, uint64_t word,
			     uint32_t half, uint32_t *ret_crcs)
{
	for (size_t i = 0; i < count; i++) {
		uint8_t bytes[sizeof number + sizeof word + sizeof half];
		uint64_t at = htobe64(number + i);
		memcpy(bytes, &at, sizeof at);
		memcpy(bytes + sizeof at, &word, sizeof word);
		memcpy(bytes + sizeof at + sizeof word, &half, sizeof half);
		ret_crcs[i] = ~by_bits(crc, bytes, sizeof bytes);
	}
}

void crc32c_numbered(uint32_t before, uint64_t number, size_t count, uint64_t word, uint32_t half,
		     uint32_t *ret_crcs)
{
	if (HAS_INSTRUCTION)
		numbered_by_cpu(~before, number, count, word, half, ret_crcs);
	else
		numbered_by_bits(~before, number, count, word, half, ret_crcs);
}

uint32_t crc32c(uint32_t before, const uint8_t *bytes, size_t len)
{
	uint32_t crc = ~before;
	return ~(HAS_INSTRUCTION ? by_cpu(crc, bytes, len) : by_bits(crc, bytes, len));
}
