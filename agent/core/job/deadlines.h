/*
 * deadlines: which job's time comes next: a binary heap of nodes that live inside the jobs.
 *
 * Thread: under the agent's lock. Adding and removing cost O(log n).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct deadline {
	int64_t at_ns;
	size_t index; /* in the heap, from 1; 0: not in it */
};

struct deadlines {
	struct deadline **heap; /* [0] unused, [1 .. count] */
	size_t count, capacity;
};

#define DEADLINES_NULL ((struct deadlines){0})

/** deadlines_reserve() - make room for @count, so that deadlines_set() cannot fail. Return: 0;
 * -ENOMEM */
int deadlines_reserve(struct deadlines *deadlines, size_t count);
/** deadlines_set() - add @deadline or move it to @at_ns; room was reserved */
void deadlines_set(struct deadlines *deadlines, struct deadline *deadline, int64_t at_ns);
/** deadlines_remove() - harmless if it is not there */
void deadlines_remove(struct deadlines *deadlines, struct deadline *deadline);
/** deadlines_first() - the earliest; NULL: none */
struct deadline *deadlines_first(const struct deadlines *deadlines);
void deadlines_deinit(struct deadlines *deadlines);
