/* request_counts: see request_counts.h. */
#include "api/http/request_counts.h"

#include <pthread.h>
#include <stdlib.h>

/* Routes times the codes that they can answer; beyond, requests are still counted, without their
 * route. */
enum { ROWS_MAX = 512 };

struct request_counts {
	pthread_mutex_t lock;
	struct request_count *rows; /* [count], grown by need */
	size_t count;
	struct request_count others;
};

struct request_counts *request_counts_new(void)
{
	struct request_counts *counts = calloc(1, sizeof *counts);
	if (counts)
		pthread_mutex_init(&counts->lock, NULL);
	return counts;
}

struct request_counts *request_counts_free(struct request_counts *counts)
{
	if (!counts)
		return NULL;
	pthread_mutex_destroy(&counts->lock);
	free(counts->rows);
	free(counts);
	return NULL;
}

/* Under the lock. The table is full, or memory ran out: that of all others. */
static struct request_count *row_of(struct request_counts *counts, const struct route *route,
				    unsigned int status)
{
	for (size_t i = 0; i < counts->count; i++)
		if (counts->rows[i].route == route && counts->rows[i].status == status)
			return &counts->rows[i];
	if (counts->count == ROWS_MAX)
		return &counts->others;
	struct request_count *grown = reallocarray(counts->rows, counts->count + 1, sizeof *grown);
	if (!grown)
		return &counts->others;
	counts->rows = grown;
	grown[counts->count] = (struct request_count){.route = route, .status = status};
	return &grown[counts->count++];
}

void request_counts_add(struct request_counts *counts, const struct route *route,
			unsigned int status, int64_t took_ns)
{
	pthread_mutex_lock(&counts->lock);
	distribution_add(&row_of(counts, route, status)->took,
			 (uint64_t)(took_ns < 0 ? 0 : took_ns));
	pthread_mutex_unlock(&counts->lock);
}

void request_counts_each(struct request_counts *counts,
			 void (*put)(void *context, const struct request_count *count),
			 void *context)
{
	pthread_mutex_lock(&counts->lock);
	for (size_t i = 0; i < counts->count; i++)
		put(context, &counts->rows[i]);
	if (counts->others.took.count)
		put(context, &counts->others);
	pthread_mutex_unlock(&counts->lock);
}
