/*
 * heap_budget: how much memory a decoded body may take, so that a small hostile body stays cheap.
 *
 * An empty sub-message is two bytes on the wire and some 150 bytes in memory. The bound is 15 bytes
 * of heap a byte of body, at least 960 KiB: a 64 KiB body stays below 1 MiB whatever it holds,
 * while 1,024 plain streams (46 KiB on the wire) need 650 KiB. A body of megabytes is large for
 * what its strings hold, not for their number: past 24 MiB only those count, twice, so that several
 * such bodies at once stay cheap too. Chunks are counted as glibc's malloc() lays them out (8 bytes
 * of header, multiples of 16, at least 32).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

enum {
	HEAP_BUDGET_FLOOR = 960 * 1024,
	HEAP_BUDGET_CEILING = 24 * 1024 * 1024,
	HEAP_BUDGET_PER_BYTE = 15,
};

struct heap_budget {
	size_t left;
	bool exceeded; /* an allocation was refused */
};

static inline struct heap_budget heap_budget_for(size_t body_len)
{
	size_t left = body_len * HEAP_BUDGET_PER_BYTE;
	if (left > HEAP_BUDGET_CEILING)
		left = HEAP_BUDGET_CEILING;
	if (left < HEAP_BUDGET_FLOOR)
		left = HEAP_BUDGET_FLOOR;
	if (left < 2 * body_len)
		left = 2 * body_len;
	return (struct heap_budget){left, false};
}

static inline size_t heap_budget_chunk(size_t size)
{
	size_t chunk = (size + 8 + 15) & ~(size_t)15;
	return chunk < 32 ? 32 : chunk;
}

/** heap_budget_take() - account for an allocation of @size. Return: false: no, it would be too much
 */
static inline bool heap_budget_take(struct heap_budget *budget, size_t size)
{
	size_t chunk = heap_budget_chunk(size);
	if (chunk > budget->left) {
		budget->exceeded = true;
		return false;
	}
	budget->left -= chunk;
	return true;
}

static inline void heap_budget_give_back(struct heap_budget *budget, size_t size)
{
	budget->left += heap_budget_chunk(size);
}
