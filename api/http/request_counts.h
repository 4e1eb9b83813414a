/*
 * request_counts: how many requests were answered, and how long each took, by route and status.
 *
 * Never by path: a scanner cannot grow the table. Thread: any; one mutex.
 */
#pragma once
#include "api/http/route.h"
#include "pagecast/distribution.h"

#include <stdint.h>

struct request_counts;

struct request_count {
	const struct route *route; /* NULL: no such path */
	unsigned int status;	   /* 0: of all that the table had no row for */
	struct agent_distribution took;
};

struct request_counts *request_counts_new(void);
struct request_counts *request_counts_free(struct request_counts *counts);

/** request_counts_add() - one request was answered; @route NULL: no such path */
void request_counts_add(struct request_counts *counts, const struct route *route,
			unsigned int status, int64_t took_ns);

/** request_counts_each() - call @put with each row, under the lock */
void request_counts_each(struct request_counts *counts,
			 void (*put)(void *context, const struct request_count *count),
			 void *context);
