/* size: see size.h. */
#include "packet/size.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/util.h"
#include "packet/layer.h"
#include "packet/prng.h"

/* What the parts of a size are compiled with. */
struct sizing {
	struct check *check;
	const struct plan_stream *stream;
	const struct size_bounds *bounds;
	Pagecast__V1__Layer layer;
};

bool size_fits(struct check *check, const struct plan_stream *stream,
	       const struct size_bounds *bounds, uint64_t len, const char *from)
{
	const char *to = stream->destination.kind == PLAN_ETHERNET ? "frame" : "packet";
	if (len < bounds->min)
		check_fault(check, from,
			    "%" PRIu64 " bytes are too few for a frame: its headers alone have %u",
			    len, bounds->min);
	else if (len > bounds->max)
		check_fault(check, from,
			    "%" PRIu64 " bytes are more than the %u that a %s to this destination "
			    "carries",
			    len, bounds->max, to);
	else if (bounds->page_room && len > bounds->page_room)
		check_fault(check, from,
			    "%" PRIu64 " bytes do not fit a page: PAGE_PER_PACKET leaves %u behind "
			    "pageOffset",
			    len, bounds->page_room);
	else
		return true;
	return false;
}

/* Bytes that the layer counts beside a packet's own; negative where it counts fewer. */
static int32_t layer_overhead(const struct sizing *sizing)
{
	uint32_t longest = PLAN_FRAME_BYTES_MAX; /* past the padding of short frames */
	return (int32_t)plan_layer_bytes(sizing->stream, longest, sizing->layer) - (int32_t)longest;
}

/* A packet's own length for @size bytes at the layer. Return: false: a fault of @field */
static bool own_len(const struct sizing *sizing, const char *field, uint32_t size,
		    uint32_t *ret_len)
{
	const struct size_bounds *bounds = sizing->bounds;
	int32_t overhead = layer_overhead(sizing);
	/* A frame shorter than Ethernet's shortest counts as that: there is no such size. */
	uint64_t least = MAX(plan_layer_bytes(sizing->stream, bounds->min, sizing->layer),
			     (uint64_t)((int32_t)bounds->min + overhead));
	uint64_t most = (uint64_t)((int32_t)bounds->max + overhead);
	if (!check_range(sizing->check, field, size, least, most))
		return false;
	*ret_len = (uint32_t)((int32_t)size - overhead);
	return size_fits(sizing->check, sizing->stream, bounds, *ret_len, field);
}

/* One more draw of @len, @times packets of it: a run with the one before if that is as long. */
static void add_draw(struct sizes *sizes, uint32_t len, uint32_t times)
{
	struct size_run *last = sizes->count ? &sizes->runs[sizes->count - 1] : NULL;
	if (last && last->len == len)
		last->times += times;
	else
		sizes->runs[sizes->count++] = (struct size_run){len, times};
	sizes->packets += times;
}

/* An order of @lens that follows from the seed alone (Fisher, Yates). */
static void shuffle(uint32_t *lens, size_t count, uint64_t seed)
{
	struct prng prng;
	prng_init(&prng, seed);
	for (size_t left = count; left > 1; left--) {
		/* the high half of the product is even enough: left is below 2^17 */
		size_t other = (size_t)((prng_next(&prng) >> 32) * left >> 32);
		uint32_t last = lens[left - 1];
		lens[left - 1] = lens[other];
		lens[other] = last;
	}
}

/* The draws of a cycle, in their order, as runs. Return: 0; -ENOMEM */
static int take_draws(struct sizes *sizes, const uint32_t *lens, size_t count, uint32_t times)
{
	sizes->runs = calloc(count, sizeof *sizes->runs);
	if (!sizes->runs)
		return -ENOMEM;
	sizes->len_min = UINT32_MAX;
	for (size_t i = 0; i < count; i++) {
		add_draw(sizes, lens[i], times);
		sizes->len_min = MIN(sizes->len_min, lens[i]);
	}
	return 0;
}

static int compile_fixed(const struct sizing *sizing, uint32_t fixed, struct sizes *ret_sizes)
{
	uint32_t len;
	return own_len(sizing, "fixed", fixed, &len) ? take_draws(ret_sizes, &len, 1, 1) : 0;
}

static int compile_range(const struct sizing *sizing, const Pagecast__V1__SizeRange *range,
			 struct sizes *ret_sizes)
{
	uint32_t min = 0, max = 0, step = range->step ? range->step : 1;
	size_t mark = check_enter(sizing->check, "range");
	bool good = own_len(sizing, "min", range->min, &min);
	good &= own_len(sizing, "max", range->max, &max);
	if (good && max < min) {
		check_fault(sizing->check, "max", "%" PRIu32 " is below min, %" PRIu32, range->max,
			    range->min);
		good = false;
	}
	if (good && range->seed && !range->random) {
		check_fault(sizing->check, "seed",
			    "%" PRIu64 ", but only random: true draws by a seed", range->seed);
		good = false;
	}
	check_leave(sizing->check, mark);
	if (!good)
		return 0;
	size_t count = (max - min) / step + 1; /* <= SIZE_CYCLE_MAX: a packet is no longer */
	_cleanup_free_ uint32_t *lens = calloc(count, sizeof *lens);
	if (!lens)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		lens[i] = min + (uint32_t)i * step;
	if (range->random)
		shuffle(lens, count, range->seed);
	return take_draws(ret_sizes, lens, count, 1);
}

static uint64_t common_divisor(const Pagecast__V1__SizeMix *mix)
{
	uint64_t divisor = 0;
	for (size_t i = 0; i < mix->n_sizes; i++)
		for (uint64_t rest = mix->sizes[i]->weight; rest;) {
			uint64_t next = divisor % rest;
			divisor = rest;
			rest = next;
		}
	return divisor;
}

/* Every size and weight. Return: the sum of the weights without their common divisor; 0: faults */
static uint64_t check_mix(const struct sizing *sizing, const Pagecast__V1__SizeMix *mix,
			  uint64_t divisor, uint32_t *ret_lens)
{
	size_t before = check_count(sizing->check);
	uint64_t sum = 0;
	check_range(sizing->check, "maxRun", mix->max_run, 0, SIZE_RUN_MAX);
	for (size_t i = 0; i < mix->n_sizes; i++) {
		const Pagecast__V1__WeightedSize *one = mix->sizes[i];
		size_t mark = check_enter(sizing->check, "sizes[%zu]", i);
		own_len(sizing, "size", one->size, &ret_lens[i]);
		if (!one->weight)
			check_fault(sizing->check, "weight",
				    "0: a size that is never drawn; give 1 or more");
		else
			sum += one->weight / divisor;
		check_leave(sizing->check, mark);
	}
	if (check_count(sizing->check) == before && sum > SIZE_CYCLE_MAX)
		check_fault(sizing->check, "sizes",
			    "the weights come to %" PRIu64
			    " without their common divisor, more than the maximum of %d",
			    sum, SIZE_CYCLE_MAX);
	return check_count(sizing->check) == before ? sum : 0;
}

static int draw_mix(const Pagecast__V1__SizeMix *mix, uint64_t divisor, uint64_t sum,
		    const uint32_t *lens, bool paced, struct sizes *ret_sizes)
{
	_cleanup_free_ uint32_t *draws = calloc(sum, sizeof *draws);
	size_t count = 0;
	if (!draws)
		return -ENOMEM;
	for (size_t i = 0; i < mix->n_sizes; i++)
		for (uint64_t left = mix->sizes[i]->weight / divisor; left; left--)
			draws[count++] = lens[i];
	shuffle(draws, count, mix->seed);
	uint32_t run = mix->max_run ? mix->max_run : paced ? 1 : SIZE_RUN_UNLIMITED;
	return take_draws(ret_sizes, draws, count, run);
}

static int compile_mix(const struct sizing *sizing, const Pagecast__V1__SizeMix *mix, bool paced,
		       struct sizes *ret_sizes)
{
	size_t mark = check_enter(sizing->check, "mix");
	int r = 0;
	if (!mix->n_sizes || mix->n_sizes > SIZE_CYCLE_MAX) {
		check_fault(sizing->check, "sizes", "%zu sizes: give 1 to %d", mix->n_sizes,
			    SIZE_CYCLE_MAX);
	} else {
		_cleanup_free_ uint32_t *lens = calloc(mix->n_sizes, sizeof *lens);
		uint64_t divisor = MAX(common_divisor(mix), UINT64_C(1));
		uint64_t sum = lens ? check_mix(sizing, mix, divisor, lens) : 0;
		r = !lens ? -ENOMEM : sum ? draw_mix(mix, divisor, sum, lens, paced, ret_sizes) : 0;
	}
	check_leave(sizing->check, mark);
	return r;
}

int sizes_compile(struct check *check, const Pagecast__V1__Size *size,
		  const struct plan_stream *stream, const struct size_bounds *bounds, bool paced,
		  struct sizes *ret_sizes)
{
	struct sizing sizing = {check, stream, bounds, size->layer};
	if (!sizing.layer)
		sizing.layer = stream->destination.kind == PLAN_ETHERNET
				       ? PAGECAST__V1__LAYER__LAYER_L2
				       : PAGECAST__V1__LAYER__LAYER_PAYLOAD;
	switch (size->kind_case) {
	case PAGECAST__V1__SIZE__KIND_FIXED: return compile_fixed(&sizing, size->fixed, ret_sizes);
	case PAGECAST__V1__SIZE__KIND_RANGE: return compile_range(&sizing, size->range, ret_sizes);
	case PAGECAST__V1__SIZE__KIND_MIX: return compile_mix(&sizing, size->mix, paced, ret_sizes);
	default:
		check_fault(check, "",
			    "empty: give one of fixed, range, mix, or leave it out to send "
			    "payloads as they are");
		return 0;
	}
}

void sizes_deinit(struct sizes *sizes)
{
	free(sizes->runs);
	*sizes = (struct sizes){0};
}
