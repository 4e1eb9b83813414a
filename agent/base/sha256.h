/*
 * sha256: FIPS 180-4, for naming bytes (specs, payloads, tokens), not for speed.
 *
 * Thread: a struct sha256 belongs to one thread; sha256_of() has no state.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { SHA256_BYTES = 32, SHA256_BLOCK_BYTES = 64 };

struct sha256 {
	uint32_t state[8];
	uint64_t len_bytes; /* taken so far */
	uint8_t block[SHA256_BLOCK_BYTES];
};

void sha256_init(struct sha256 *sha256);
void sha256_update(struct sha256 *sha256, const void *data, size_t len);
/** sha256_final() - the digest; @sha256 must be initialised again before it is used again */
void sha256_final(struct sha256 *sha256, uint8_t ret_digest[static SHA256_BYTES]);
/** sha256_of() - the digest of one run of bytes */
void sha256_of(const void *data, size_t len, uint8_t ret_digest[static SHA256_BYTES]);
