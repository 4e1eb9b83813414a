/*
 * prng: the bytes of RandomBytes, the same on every machine and in every version.
 *
 * xoshiro256** (Blackman, Vigna) whose four words of state are the first four outputs of splitmix64
 * started at the seed, so that 0 is a seed like any other. Each 64-bit output gives 8 bytes, least
 * significant first; the last output is cut. A shorter run is thus the beginning of a longer one.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct prng {
	uint64_t state[4];
};

void prng_init(struct prng *prng, uint64_t seed);
uint64_t prng_next(struct prng *prng);

/** prng_fill() - the first @len bytes of @seed */
void prng_fill(uint64_t seed, uint8_t *out, size_t len);
