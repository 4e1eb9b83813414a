/* modify: see modify.h. */
#include "packet/modify.h"

#include <endian.h>
#include <inttypes.h>
#include <string.h>

#include "packet/check.h"

__extension__ typedef unsigned __int128 wide; /* a product of two numbers of 64 bits */

static uint64_t width_max(const struct modifier *modifier)
{
	return modifier->bytes == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * modifier->bytes)) - 1;
}

/* Return: true when @value fits the modifier's width, else a fault */
static bool check_fits(struct check *check, const char *field, uint64_t value,
		       const struct modifier *modifier)
{
	if (value <= width_max(modifier))
		return true;
	check_fault(check, field, "%" PRIu64 " does not fit %d bits", value, 8 * modifier->bytes);
	return false;
}

static bool compile_target(struct check *check, const Pagecast__V1__Modifier *spec,
			   const struct modify_bounds *bounds, struct modifier *modifier)
{
	if (spec->target_case == PAGECAST__V1__MODIFIER__TARGET_FIELD) {
		check_not_offered(check, "field", true);
		return false;
	}
	if (spec->target_case != PAGECAST__V1__MODIFIER__TARGET_OFFSET) {
		check_fault(check, "", "no target: give offset");
		return false;
	}
	uint32_t bits = spec->width_bits;
	if (bits != 8 && bits != 16 && bits != 32 && bits != 64) {
		check_fault(check, "widthBits", "%" PRIu32 " is not 8, 16, 32 or 64", bits);
		return false;
	}
	modifier->offset = spec->offset;
	modifier->bytes = (uint8_t)(bits / 8);
	modifier->mask = spec->mask ? spec->mask : width_max(modifier);
	if (spec->offset < bounds->from)
		check_fault(check, "offset",
			    "%" PRIu32 " is within %s, which ends at %" PRIu32
			    ": changing it is not offered by this version of the agent",
			    spec->offset, bounds->from_what, bounds->from);
	else if ((uint64_t)spec->offset + modifier->bytes > bounds->to)
		check_fault(check, "offset",
			    "%" PRIu32 " and %d bits reach beyond byte %" PRIu32 ", where %s",
			    spec->offset, bits, bounds->to, bounds->to_what);
	else
		return check_fits(check, "mask", modifier->mask, modifier);
	return false;
}

static void compile_counter(struct check *check, const Pagecast__V1__Counter *counter,
			    struct modifier *modifier)
{
	modifier->kind = MODIFIER_COUNTER;
	modifier->start = counter->start;
	modifier->step = (uint64_t)counter->step; /* modulo 2^64: also downwards */
	modifier->count = counter->count;
	check_fits(check, "counter.start", counter->start, modifier);
}

static void compile_random(struct check *check, const Pagecast__V1__RandomValue *random,
			   struct modifier *modifier)
{
	modifier->kind = MODIFIER_RANDOM;
	modifier->min = random->min;
	modifier->max = random->max;
	modifier->seed = random->seed;
	if (check_fits(check, "random.max", random->max, modifier) && random->max < random->min)
		check_fault(check, "random.max", "%" PRIu64 " is below min, %" PRIu64, random->max,
			    random->min);
}

static void compile_list(struct check *check, const Pagecast__V1__ValueList *list,
			 struct modifier *modifier)
{
	modifier->kind = MODIFIER_LIST;
	modifier->values = list->values;
	modifier->value_count = list->n_values;
	if (!list->n_values || list->n_values > MODIFIER_VALUES_MAX)
		check_fault(check, "list.values", "%zu values: give 1 to %d", list->n_values,
			    MODIFIER_VALUES_MAX);
	for (size_t i = 0; i < list->n_values && i < MODIFIER_VALUES_MAX; i++)
		if (list->values[i] > width_max(modifier)) {
			check_fault(check, "list.values",
				    "%" PRIu64 ", number %zu, does not fit %d bits",
				    list->values[i], i, 8 * modifier->bytes);
			break;
		}
}

static void compile_one(struct check *check, const Pagecast__V1__Modifier *spec,
			const struct modify_bounds *bounds, struct modifier *modifier)
{
	if (!compile_target(check, spec, bounds, modifier))
		return;
	modifier->every = spec->every ? spec->every : 1;
	switch (spec->kind_case) {
	case PAGECAST__V1__MODIFIER__KIND_COUNTER:
		compile_counter(check, spec->counter, modifier);
		break;
	case PAGECAST__V1__MODIFIER__KIND_RANDOM:
		compile_random(check, spec->random, modifier);
		break;
	case PAGECAST__V1__MODIFIER__KIND_LIST: compile_list(check, spec->list, modifier); break;
	default: check_fault(check, "", "nothing that changes: give one of counter, random, list");
	}
}

void modify_compile(struct check *check, Pagecast__V1__Modifier *const *spec, size_t count,
		    const struct modify_bounds *bounds, struct modifier *ret_modifiers,
		    size_t *ret_count)
{
	*ret_count = 0;
	if (count > MODIFIERS_MAX) {
		check_fault(check, "modifiers", "%zu are more than the maximum of %d", count,
			    MODIFIERS_MAX);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		size_t mark = check_enter(check, "modifiers[%zu]", i);
		compile_one(check, spec[i], bounds, &ret_modifiers[i]);
		check_leave(check, mark);
	}
	*ret_count = count;
}

/* A number of 64 bits for each of 64: the finaliser of splitmix64 over a Weyl sequence. */
static uint64_t hash(uint64_t seed, uint64_t number)
{
	uint64_t z =
		seed * UINT64_C(0xd1342543de82ef95) + (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint64_t modify_value(const struct modifier *modifier, uint64_t number)
{
	uint64_t turn = number / modifier->every;
	switch (modifier->kind) {
	case MODIFIER_COUNTER:
		if (modifier->count)
			turn %= modifier->count;
		return modifier->start + modifier->step * turn;
	case MODIFIER_RANDOM: {
		uint64_t span = modifier->max - modifier->min + 1; /* 0: all there are */
		uint64_t drawn = hash(modifier->seed, turn);
		if (!span)
			return drawn;
		return modifier->min + (uint64_t)((wide)drawn * span >> 64);
	}
	case MODIFIER_LIST: return modifier->values[turn % modifier->value_count];
	}
	return 0;
}

static void write_one(const struct modifier *modifier, uint64_t value, uint8_t *at)
{
	for (int i = modifier->bytes - 1; i >= 0; i--, value >>= 8) {
		uint8_t mask = (uint8_t)(modifier->mask >> 8 * (modifier->bytes - 1 - i));
		at[i] = (uint8_t)((at[i] & ~mask) | ((uint8_t)value & mask));
	}
}

/* Does it take all bits of its bytes, and count on with each packet? */
static bool plain_counter(const struct modifier *modifier)
{
	return modifier->kind == MODIFIER_COUNTER && modifier->every == 1 &&
	       modifier->mask == UINT64_MAX >> (64 - 8 * modifier->bytes);
}

/* As modify_value() gives them, without its divisions. @width is a constant: one store each. */
static inline __attribute__((always_inline)) void count_on_width(uint8_t width,
								 const struct modifier *modifier,
								 uint64_t number, uint64_t packets,
								 uint8_t *at, size_t stride)
{
	const uint64_t start = modifier->start, step = modifier->step, count = modifier->count;
	uint64_t turn = count ? number % count : number, value = start + step * turn;
	for (; packets; packets--, at += stride) {
		uint64_t wire = htobe64(value << (64 - 8 * width));
		memcpy(at, &wire, width);
		value += step;
		if (++turn == count) {
			turn = 0;
			value = start;
		}
	}
}

static void count_on(const struct modifier *modifier, uint64_t number, uint64_t packets,
		     uint8_t *at, size_t stride)
{
	switch (modifier->bytes) {
	case 1: count_on_width(1, modifier, number, packets, at, stride); return;
	case 2: count_on_width(2, modifier, number, packets, at, stride); return;
	case 4: count_on_width(4, modifier, number, packets, at, stride); return;
	case 8: count_on_width(8, modifier, number, packets, at, stride); return;
	default: count_on_width(modifier->bytes, modifier, number, packets, at, stride); return;
	}
}

void modify_packets(const struct modifier *modifiers, size_t count, uint64_t number,
		    uint64_t packets, uint8_t *bytes, size_t stride)
{
	for (size_t i = 0; i < count; i++) {
		const struct modifier *modifier = &modifiers[i];
		uint8_t *at = bytes + modifier->offset;
		if (plain_counter(modifier))
			count_on(modifier, number, packets, at, stride);
		else
			for (uint64_t j = 0; j < packets; j++)
				write_one(modifier, modify_value(modifier, number + j),
					  at + j * stride);
	}
}
