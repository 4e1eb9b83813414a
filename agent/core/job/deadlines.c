/* deadlines: see deadlines.h. */
#include "core/job/deadlines.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static void place(struct deadlines *deadlines, size_t index, struct deadline *deadline)
{
	deadlines->heap[index] = deadline;
	deadline->index = index;
}

static void sift(struct deadlines *deadlines, struct deadline *deadline)
{
	struct deadline **heap = deadlines->heap;
	size_t i = deadline->index;
	for (; i > 1 && heap[i / 2]->at_ns > deadline->at_ns; i /= 2)
		place(deadlines, i, heap[i / 2]);
	for (size_t child; (child = 2 * i) <= deadlines->count; i = child) {
		if (child < deadlines->count && heap[child + 1]->at_ns < heap[child]->at_ns)
			child++;
		if (heap[child]->at_ns >= deadline->at_ns)
			break;
		place(deadlines, i, heap[child]);
	}
	place(deadlines, i, deadline);
}

int deadlines_reserve(struct deadlines *deadlines, size_t count)
{
	if (count < deadlines->capacity)
		return 0;
	size_t capacity = count * 2 + 16;
	struct deadline **heap = reallocarray(deadlines->heap, capacity, sizeof *heap);
	if (!heap)
		return -ENOMEM;
	deadlines->heap = heap;
	deadlines->capacity = capacity;
	return 0;
}

void deadlines_set(struct deadlines *deadlines, struct deadline *deadline, int64_t at_ns)
{
	deadline->at_ns = at_ns;
	if (!deadline->index) {
		assert(deadlines->count + 1 < deadlines->capacity);
		place(deadlines, ++deadlines->count, deadline);
	}
	sift(deadlines, deadline);
}

void deadlines_remove(struct deadlines *deadlines, struct deadline *deadline)
{
	size_t index = deadline->index;
	if (!index)
		return;
	deadline->index = 0;
	struct deadline *last = deadlines->heap[deadlines->count--];
	if (last == deadline)
		return;
	place(deadlines, index, last);
	sift(deadlines, last);
}

struct deadline *deadlines_first(const struct deadlines *deadlines)
{
	return deadlines->count ? deadlines->heap[1] : NULL;
}

void deadlines_deinit(struct deadlines *deadlines)
{
	free(deadlines->heap);
	*deadlines = DEADLINES_NULL;
}
