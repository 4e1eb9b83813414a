/* spread: see spread.h. */
#include "packet/spread.h"

#include <errno.h>
#include <stdlib.h>

#include "base/util.h"

enum { SLOTS_MIN = 16, ITEMS_FIRST = 16 };

/* One of the two, and where in it we are. */
struct place {
	size_t index, count;
	uint64_t left; /* packets of this one; UINT64_MAX: it is the only one */
};

struct work {
	const struct plan_item *payloads;
	const struct sizes *sizes;
	struct place payload, size;
	bool prefixes;
	struct spread *ret;
	size_t items_max, sources_max;
	uint32_t *slots; /* [slot_count]: a source's index + 1, by hash; 0: none */
	size_t slot_count;
};

static void enter(struct place *place, size_t index, uint64_t packets)
{
	place->index = index;
	place->left = place->count == 1 ? UINT64_MAX : packets;
}

static void advance(struct work *work, uint64_t packets)
{
	if (work->payload.count > 1 && !(work->payload.left -= packets)) {
		size_t next = (work->payload.index + 1) % work->payload.count;
		enter(&work->payload, next, work->payloads[next].repeat);
	}
	if (work->size.count > 1 && !(work->size.left -= packets)) {
		size_t next = (work->size.index + 1) % work->size.count;
		enter(&work->size, next, work->sizes->runs[next].times);
	}
}

static bool at_start(const struct work *work)
{
	return !work->payload.index && !work->size.index &&
	       (work->payload.count == 1 || work->payload.left == work->payloads[0].repeat) &&
	       (work->size.count == 1 || work->size.left == work->sizes->runs[0].times);
}

/* Room for one more in an array that grows by doubling. Return: false: out of memory */
static bool grow(void *array, size_t *max, size_t count, size_t size)
{
	void **at = array;
	if (count < *max)
		return true;
	size_t more = *max ? 2 * *max : ITEMS_FIRST;
	void *grown = reallocarray(*at, more, size);
	if (!grown)
		return false;
	*at = grown;
	*max = more;
	return true;
}

/* Return: the index of the source; -ENOMEM */
static int64_t find_source(struct work *work, uint32_t payload, uint32_t len)
{
	struct spread *ret = work->ret;
	uint32_t key = work->prefixes ? 0 : len;
	uint64_t hash = ((uint64_t)payload << 32 | key) * UINT64_C(0x9e3779b97f4a7c15);
	size_t slot = (size_t)(hash >> 32) & (work->slot_count - 1);
	for (; work->slots[slot]; slot = (slot + 1) & (work->slot_count - 1)) {
		struct stream_source *source = &ret->sources[work->slots[slot] - 1];
		if (source->payload != payload || (!work->prefixes && source->len != len))
			continue;
		source->len = MAX(source->len, len);
		return work->slots[slot] - 1;
	}
	if (!grow(&ret->sources, &work->sources_max, ret->source_count, sizeof *ret->sources))
		return -ENOMEM;
	ret->sources[ret->source_count++] = (struct stream_source){payload, len, NULL};
	work->slots[slot] = (uint32_t)ret->source_count;
	return (int64_t)ret->source_count - 1;
}

/* Return: 0; -ENOMEM; -E2BIG */
static int add_item(struct work *work, uint64_t packets)
{
	struct spread *ret = work->ret;
	uint32_t len = work->sizes->runs[work->size.index].len;
	if (ret->count == PLAN_PAYLOADS_MAX)
		return -E2BIG;
	int64_t source = find_source(work, (uint32_t)work->payload.index, len);
	if (source < 0 || !grow(&ret->items, &work->items_max, ret->count, sizeof *ret->items))
		return -ENOMEM;
	ret->items[ret->count++] = (struct plan_item){
		.len = len, .repeat = (uint32_t)packets, .source = (uint32_t)source};
	return 0;
}

static int lay_out(struct work *work)
{
	enter(&work->payload, 0, work->payloads[0].repeat);
	enter(&work->size, 0, work->sizes->runs[0].times);
	do {
		uint64_t packets = MIN(work->payload.left, work->size.left);
		if (packets == UINT64_MAX) /* one payload of one size */
			packets = work->payloads[0].repeat;
		int r = add_item(work, packets);
		if (r < 0)
			return r;
		advance(work, packets);
	} while (!at_start(work));
	return 0;
}

/* As many slots that a quarter of them is used at most: by a source for each item. */
static size_t slots_for(size_t payloads, size_t sizes)
{
	uint64_t most = MIN((uint64_t)payloads * sizes, (uint64_t)PLAN_PAYLOADS_MAX);
	size_t slots = SLOTS_MIN;
	while (slots < 4 * most)
		slots *= 2;
	return slots;
}

int spread_items(struct spread *ret, const struct plan_item *payloads, size_t count,
		 const struct sizes *sizes, bool prefixes)
{
	struct work work = {.payloads = payloads,
			    .sizes = sizes,
			    .payload.count = count,
			    .size.count = sizes->count,
			    .prefixes = prefixes,
			    .ret = ret,
			    .slot_count = slots_for(count, sizes->count)};
	*ret = (struct spread){0};
	work.slots = calloc(work.slot_count, sizeof *work.slots);
	int r = work.slots ? lay_out(&work) : -ENOMEM;
	free(work.slots);
	if (r < 0) {
		free(ret->items);
		free(ret->sources);
		*ret = (struct spread){0};
	}
	return r;
}
