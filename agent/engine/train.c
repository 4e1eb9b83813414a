/*
 * train: see train.h. Packing is one walk along the plan (the packer), run once to measure a
 * template and once to fill it; a fresh arena is filled without measuring.
 */
#include "engine/train.h"

#include "base/util.h"
#include "packet/plan_bytes.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum { COPY_BYTES = 4096 }; /* stays in the nearest cache, with what it is copied to */

struct packer {
	const struct plan_stream *stream;
	const struct train_limits *limits;
	struct plan_cursor cursor;
	uint64_t packets_left;	 /* that may still be packed */
	uint64_t packets;	 /* packed */
	size_t bytes_max, bytes; /* of the arena */
	size_t trains_max, count;
	struct train *trains; /* NULL: only measure */
	uint8_t *memory;
	struct pages *spare; /* an arena that nobody reads any more, for this one; or retired */
	bool rewrite;	     /* the kernel does not read it either */
	struct train last;   /* = trains[count - 1], also while measuring */
};

/* How many packets of @len one train takes; 1 where they can't be a train. */
static uint32_t segments_of(const struct train_limits *limits, uint32_t len)
{
	if (len == 0)
		return UINT32_MAX; /* they have no bytes: any number stands side by side */
	if (limits->page_per_packet || len > limits->segment_bytes_max)
		return 1;
	return MAX(MIN(limits->segments_max, TRAIN_BYTES_MAX / len), 1u);
}

/* Where a new train of packets of @len starts. */
static size_t place(const struct packer *packer, uint32_t len, bool lone)
{
	const struct train_limits *limits = packer->limits;
	if (len == 0)
		return packer->bytes;
	if (limits->page_per_packet)
		return pages_round_up(packer->bytes) + limits->page_offset;
	size_t even = packer->bytes + packer->bytes % 2;
	if (lone && pages_covered(packer->bytes, len) == 1)
		return packer->bytes;
	if (lone && pages_covered(even, len) <= TRAIN_PIPE_BUFFERS)
		return even;
	return pages_round_up(packer->bytes);
}

/* Is the packet behind the next one as long as that? Only then a train begins. */
static bool another_follows(const struct packer *packer, const struct plan_item *item,
			    uint64_t count)
{
	if (count > 1 || packer->packets_left < 2)
		return packer->packets_left >= 2;
	struct plan_cursor after = packer->cursor;
	const struct plan_item *next;
	uint64_t next_count;
	plan_advance(packer->stream, &after, 1);
	plan_peek_run(packer->stream, &after, &next, &next_count);
	return next->len == item->len;
}

/* Begin a train with room for at least one packet. False: the arena or the list is full. */
static bool begin(struct packer *packer, const struct plan_item *item, uint64_t count)
{
	bool lone = segments_of(packer->limits, item->len) == 1 ||
		    !another_follows(packer, item, count);
	size_t offset = place(packer, item->len, lone);
	if (packer->count == packer->trains_max || offset + item->len > packer->bytes_max)
		return false;
	packer->last = (struct train){.offset = (uint32_t)offset, .segment_bytes = item->len};
	packer->bytes = offset;
	packer->count++;
	return true;
}

/* @times (>= 1) packets in a row, from @number on. Equal ones in copies that grow to COPY_BYTES: a
 * call for each would cost small ones more than the bytes do. */
static void write_packets(uint8_t *to, const struct plan_stream *stream,
			  const struct plan_item *item, uint64_t number, uint64_t times)
{
	uint64_t at_once = MAX((uint64_t)COPY_BYTES / item->len, UINT64_C(1));
	memcpy(to, plan_item_bytes(stream, item), item->len);
	for (uint64_t done = 1; done < times;) {
		uint64_t more = MIN(done, at_once);
		more = MIN(more, times - done);
		memcpy(to + done * item->len, to, more * item->len);
		done += more;
	}
	if (plan_varies(stream))
		plan_packets_draft(stream, item, number, times, to);
}

/* The last train takes up to @count more packets of @item. Return: how many */
static uint64_t extend(struct packer *packer, const struct plan_item *item, uint64_t count)
{
	struct train *last = &packer->last;
	if (!packer->count || last->segment_bytes != item->len)
		return 0;
	uint64_t take =
		MIN(count, (uint64_t)segments_of(packer->limits, item->len) - last->segments);
	if (item->len)
		take = MIN(take, (packer->bytes_max - packer->bytes) / item->len);
	if (packer->memory && take && item->len)
		write_packets(packer->memory + packer->bytes, packer->stream, item,
			      packer->cursor.number, take);
	packer->bytes += take * item->len;
	last->segments += (uint32_t)take;
	if (packer->trains)
		packer->trains[packer->count - 1] = *last;
	return take;
}

/* Pack until nothing is left or nothing more fits. */
static void pack(struct packer *packer)
{
	while (packer->packets_left) {
		const struct plan_item *item;
		uint64_t count;
		plan_peek_run(packer->stream, &packer->cursor, &item, &count);
		count = MIN(count, packer->packets_left);
		uint64_t taken = extend(packer, item, count);
		if (!taken) {
			if (!begin(packer, item, count))
				return;
			taken = extend(packer, item, count);
		}
		plan_advance(packer->stream, &packer->cursor, taken);
		packer->packets += taken;
		packer->packets_left -= taken;
	}
}

static uint64_t greatest_common_divisor(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

/* Passes that fill a train, or enough trains that a short last one costs little. */
static uint64_t passes_of_trains(uint64_t pass, uint32_t segments)
{
	uint64_t even = segments / greatest_common_divisor(pass, segments);
	return MIN(even, (uint64_t)TRAIN_TEMPLATE_FULL * segments / pass);
}

/* Passes of lone packets: enough to fill the pages of one hand-over. */
static uint64_t passes_of_lone(uint64_t pass, uint64_t pass_bytes)
{
	if (pass_bytes == 0)
		return TRAIN_TEMPLATE_LONE / pass;
	return MIN(TRAIN_BYTES_MAX / pass_bytes, TRAIN_TEMPLATE_LONE / pass);
}

/*
 * How many packets a template holds: whole passes (any number of packets where all are the same).
 * 0: not even one pass is wanted.
 */
static uint64_t template_packets(const struct plan_stream *stream,
				 const struct train_limits *limits, uint64_t packets_max)
{
	if (plan_varies(stream))
		return 0; /* no two passes are the same */
	bool same = stream->item_count == 1;
	uint64_t pass = same ? 1 : stream->pass_packets;
	uint64_t pass_bytes = same ? stream->len_max : stream->pass_bytes;
	uint32_t segments =
		stream->one_len && stream->len_max ? segments_of(limits, stream->len_max) : 1;
	uint64_t passes = segments > 1		    ? passes_of_trains(pass, segments)
			  : limits->page_per_packet ? 1
						    : passes_of_lone(pass, pass_bytes);
	return MIN(MAX(passes, UINT64_C(1)), packets_max / pass) * pass;
}

/* The spare arena, with new pages, if it is the one that is wanted; else it goes. */
static int open_arena(struct pages *ret_pages, const struct packer *packer, bool huge)
{
	struct pages *spare = packer->spare;
	bool fits = spare->state == PAGES_SEALED && spare->huge == huge &&
		    spare->capacity_bytes == pages_round_up(packer->bytes_max);
	if (fits && packer->rewrite)
		pages_reopen(spare);
	if (fits && (packer->rewrite || (huge && pages_renew(spare) == 0))) {
		*ret_pages = *spare;
		*spare = PAGES_NULL;
		return 0;
	}
	pages_retire(spare);
	return packer->bytes_max ? pages_open(ret_pages, packer->bytes_max, huge) : 0;
}

/* Whole passes, so that the next filling has the same items in the same places. */
static void end_at_pass(struct packer *packer, const struct plan_cursor *first)
{
	uint64_t over = packer->packets % packer->stream->pass_packets;
	if (!packer->packets_left || over == packer->packets)
		return;
	packer->packets -= over;
	packer->cursor = *first;
	packer->cursor.number += packer->packets;
	while (over) {
		struct train *last = &packer->trains[packer->count - 1];
		uint32_t take = (uint32_t)MIN(over, (uint64_t)last->segments);
		last->segments -= take;
		packer->count -= !last->segments;
		over -= take;
	}
}

static int fill(struct trains *ret_trains, struct packer *packer, bool huge)
{
	struct trains trains = {.first = packer->cursor, .limits = *packer->limits};
	trains.pages = PAGES_NULL;
	trains.trains = malloc(packer->trains_max * sizeof *trains.trains);
	if (!trains.trains)
		return -ENOMEM;
	int r = open_arena(&trains.pages, packer, huge);
	if (r < 0) {
		free(trains.trains);
		return r;
	}
	packer->trains = trains.trains;
	packer->memory = packer->limits->blank ? NULL : trains.pages.memory;
	pack(packer);
	if (plan_varies(packer->stream))
		end_at_pass(packer, &trains.first);
	trains.count = packer->count;
	trains.packets = packer->packets;
	if (trains.pages.state == PAGES_OPEN) {
		trains.pages.used_bytes = packer->bytes;
		pages_seal(&trains.pages);
	}
	*ret_trains = trains;
	return 0;
}

static bool gains_by_huge(const struct packer *measured)
{
	return measured->bytes / measured->count >
	       (size_t)TRAIN_TEMPLATE_HUGE_PAGES * PAGES_PAGE_BYTES;
}

/* -E2BIG: not as a template. */
static int pack_template(struct trains *ret_trains, const struct plan_stream *stream,
			 const struct train_limits *limits, const struct plan_cursor *cursor,
			 uint64_t packets, struct pages *spare, bool rewrite)
{
	if (packets == 0 ||
	    (stream->item_count > 1 && (stream->pass_bytes > TRAIN_TEMPLATE_BYTES_MAX)))
		return -E2BIG;
	struct packer measure = {.stream = stream,
				 .limits = limits,
				 .cursor = *cursor,
				 .packets_left = packets,
				 .spare = spare,
				 .rewrite = rewrite,
				 .bytes_max = TRAIN_TEMPLATE_BYTES_MAX,
				 .trains_max = TRAIN_TEMPLATE_TRAINS_MAX};
	struct packer packer = measure;
	pack(&measure);
	if (measure.packets_left)
		return -E2BIG;
	bool huge = measure.bytes >= TRAIN_FRESH_BYTES || (limits->huge && gains_by_huge(&measure));
	packer.bytes_max = huge ? MAX(measure.bytes, (size_t)TRAIN_FRESH_BYTES) : measure.bytes;
	packer.trains_max = measure.count;
	int r = fill(ret_trains, &packer, huge);
	if (r < 0)
		return r;
	ret_trains->cyclic = true;
	ret_trains->uniform = stream->item_count == 1 && ret_trains->count == 1;
	return 0;
}

static int pack_fresh(struct trains *ret_trains, const struct plan_stream *stream,
		      const struct train_limits *limits, struct plan_cursor *cursor,
		      uint64_t packets_max, struct pages *spare, bool rewrite)
{
	/* an upper bound of what the rest can need keeps the arena of a small job small */
	uint64_t each = (uint64_t)stream->len_max + PAGES_PAGE_BYTES + limits->page_offset;
	uint64_t few = MIN(packets_max, (uint64_t)TRAIN_FRESH_BYTES / each + 1);
	struct packer packer = {.stream = stream,
				.limits = limits,
				.cursor = *cursor,
				.packets_left = packets_max,
				.spare = spare,
				.rewrite = rewrite,
				.bytes_max = MIN(few * each, (uint64_t)TRAIN_FRESH_BYTES),
				.trains_max = MIN(packets_max, (uint64_t)TRAIN_FRESH_TRAINS_MAX)};
	int r = fill(ret_trains, &packer, packer.bytes_max == TRAIN_FRESH_BYTES);
	if (r < 0)
		return r;
	*cursor = packer.cursor;
	return 0;
}

/* As trains_refill(); @spare is what the arena before left. */
static int pack_any(struct trains *ret_trains, const struct plan_stream *stream,
		    const struct train_limits *limits, struct plan_cursor *cursor,
		    uint64_t packets_max, struct pages *spare, bool rewrite)
{
	assert(packets_max > 0);
	assert(limits->page_offset < PAGES_PAGE_BYTES);
	if (limits->page_per_packet && stream->len_max > PAGES_PAGE_BYTES - limits->page_offset)
		return -EMSGSIZE;
	int r = pack_template(ret_trains, stream, limits, cursor,
			      template_packets(stream, limits, packets_max), spare, rewrite);
	if (r != -E2BIG)
		return r;
	return pack_fresh(ret_trains, stream, limits, cursor, packets_max, spare, rewrite);
}

int trains_pack(struct trains *ret_trains, const struct plan_stream *stream,
		const struct train_limits *limits, struct plan_cursor *cursor, uint64_t packets_max)
{
	struct pages none = PAGES_NULL;
	return pack_any(ret_trains, stream, limits, cursor, packets_max, &none, false);
}

/* Would packing from @cursor put the same items in the same places as before? */
static bool same_places(const struct trains *trains, const struct train_limits *limits,
			const struct plan_cursor *cursor, uint64_t packets_max)
{
	const struct train_limits *were = &trains->limits;
	return trains->pages.state == PAGES_SEALED && !trains->cyclic &&
	       trains->first.item == cursor->item &&
	       trains->first.repeat_done == cursor->repeat_done && packets_max >= trains->packets &&
	       were->segments_max == limits->segments_max &&
	       were->segment_bytes_max == limits->segment_bytes_max &&
	       were->page_offset == limits->page_offset &&
	       were->page_per_packet == limits->page_per_packet && !were->blank && !limits->blank;
}

/* What differs in the packets from @cursor on, over those that lie there. */
static void redraft(struct trains *trains, const struct plan_stream *stream,
		    struct plan_cursor *cursor)
{
	size_t used = trains->pages.used_bytes;
	trains->first = *cursor;
	if (!stream->modifier_count && !stream->random_each) {
		plan_skip(stream, cursor, trains->packets); /* stamps come later */
		return;
	}
	pages_reopen(&trains->pages);
	for (size_t i = 0; i < trains->count; i++) {
		const struct train *train = &trains->trains[i];
		uint8_t *packet = trains->pages.memory + train->offset;
		for (uint64_t left = train->segments; left;) {
			const struct plan_item *item;
			uint64_t count;
			plan_peek_run(stream, cursor, &item, &count);
			count = stream->item_count == 1 ? left : MIN(count, left);
			plan_packets_draft(stream, item, cursor->number, count, packet);
			packet += count * item->len;
			plan_skip(stream, cursor, count);
			left -= count;
		}
	}
	trains->pages.used_bytes = used;
	pages_seal(&trains->pages);
}

int trains_refill(struct trains *trains, const struct plan_stream *stream,
		  const struct train_limits *limits, struct plan_cursor *cursor,
		  uint64_t packets_max, bool rewrite)
{
	if (rewrite && same_places(trains, limits, cursor, packets_max)) {
		redraft(trains, stream, cursor);
		return 0;
	}
	struct pages spare = trains->pages;
	uint32_t slot = trains->slot;
	trains->pages = PAGES_NULL;
	trains_retire(trains);
	int r = pack_any(trains, stream, limits, cursor, packets_max, &spare, rewrite);
	trains->slot = slot;
	pages_retire(&spare);
	return r;
}

bool trains_at_end(const struct trains *trains, const struct train_cursor *cursor)
{
	return !trains->cyclic && cursor->train >= trains->count;
}

struct train trains_peek(const struct trains *trains, const struct train_cursor *cursor,
			 uint64_t packets_max)
{
	assert(cursor->train < trains->count);
	struct train train = trains->trains[cursor->train];
	train.offset += cursor->segment * train.segment_bytes;
	train.segments = (uint32_t)MIN((uint64_t)(train.segments - cursor->segment), packets_max);
	return train;
}

void trains_advance(const struct trains *trains, struct train_cursor *cursor, uint64_t packets)
{
	if (trains->uniform)
		return;
	if (trains->cyclic)
		packets %= trains->packets;
	while (packets && cursor->train < trains->count) {
		uint32_t rest = trains->trains[cursor->train].segments - cursor->segment;
		if (packets < rest) {
			cursor->segment += (uint32_t)packets;
			return;
		}
		packets -= rest;
		cursor->train++;
		cursor->segment = 0;
		if (trains->cyclic && cursor->train == trains->count)
			cursor->train = 0;
	}
}

uint64_t trains_stamp(struct trains *trains, const struct plan_stream *stream,
		      const struct train_cursor *cursor, uint64_t number, uint64_t packets,
		      size_t trains_max, int64_t time_ns)
{
	struct train_cursor at = *cursor;
	uint64_t stamped = 0;
	assert(!trains->cyclic);
	for (; packets && trains_max && !trains_at_end(trains, &at); trains_max--) {
		struct train next = trains_peek(trains, &at, packets);
		uint8_t *packet = trains->pages.memory + next.offset;
		plan_packets_stamp(stream, number, next.segments, time_ns, packet,
				   next.segment_bytes);
		trains_advance(trains, &at, next.segments);
		number += next.segments;
		packets -= next.segments;
		stamped += next.segments;
	}
	return stamped;
}

void trains_retire(struct trains *trains)
{
	pages_retire(&trains->pages);
	free(trains->trains);
	*trains = TRAINS_NULL;
}

uint32_t trains_longest(const struct trains *trains)
{
	uint32_t longest = 0;
	for (size_t i = 0; i < trains->count; i++)
		if (trains->trains[i].segment_bytes)
			longest = MAX(longest, trains->trains[i].segments);
	return longest;
}
