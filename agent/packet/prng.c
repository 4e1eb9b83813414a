/*
 * prng: see prng.h. Own code: payloads must be the same bytes for a seed on every machine and with
 * every version of a library, as fast as memory is written; random(3) and the generators of crypto
 * libraries promise the one or the other, not both.
 */
#include "packet/prng.h"

#include <endian.h>
#include <string.h>

#include "base/util.h"

static uint64_t rotate_left(uint64_t value, int by)
{
	return value << by | value >> (64 - by);
}

static uint64_t splitmix(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

void prng_init(struct prng *prng, uint64_t seed)
{
	for (size_t i = 0; i < 4; i++)
		prng->state[i] = splitmix(&seed);
}

uint64_t prng_next(struct prng *prng)
{
	uint64_t *s = prng->state;
	uint64_t result = rotate_left(s[1] * 5, 7) * 9, t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate_left(s[3], 45);
	return result;
}

void prng_fill(uint64_t seed, uint8_t *out, size_t len)
{
	struct prng prng;
	prng_init(&prng, seed);
	while (len) {
		uint64_t word = htole64(prng_next(&prng));
		size_t piece = MIN(len, sizeof word);
		memcpy(out, &word, piece);
		out += piece;
		len -= piece;
	}
}
