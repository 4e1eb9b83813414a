/* lockout: see lockout.h. An entry keeps the times of the last failures in a ring. */
#include "api/auth/lockout.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	char address[LOCKOUT_ADDRESS_MAX];
	int64_t failed_ns[LOCKOUT_FAILURES]; /* ring; `next` is the oldest once it is full */
	uint32_t next, count;
	int64_t last_ns;
};

struct lockout {
	pthread_mutex_t lock;
	struct entry entries[LOCKOUT_ENTRIES]; /* an empty address: free */
};

struct lockout *lockout_new(void)
{
	struct lockout *lockout = calloc(1, sizeof *lockout);
	if (lockout)
		pthread_mutex_init(&lockout->lock, NULL);
	return lockout;
}

struct lockout *lockout_free(struct lockout *lockout)
{
	if (lockout)
		pthread_mutex_destroy(&lockout->lock);
	free(lockout);
	return NULL;
}

static struct entry *find(struct lockout *lockout, const char *address)
{
	for (size_t i = 0; i < LOCKOUT_ENTRIES; i++)
		if (strncmp(lockout->entries[i].address, address, LOCKOUT_ADDRESS_MAX - 1) == 0)
			return &lockout->entries[i];
	return NULL;
}

static struct entry *take_oldest(struct lockout *lockout, const char *address)
{
	struct entry *oldest = &lockout->entries[0];
	for (size_t i = 0; i < LOCKOUT_ENTRIES; i++)
		if (lockout->entries[i].last_ns < oldest->last_ns)
			oldest = &lockout->entries[i];
	*oldest = (struct entry){0};
	snprintf(oldest->address, sizeof oldest->address, "%s", address);
	return oldest;
}

void lockout_failed(struct lockout *lockout, const char *address, int64_t now_ns)
{
	pthread_mutex_lock(&lockout->lock);
	struct entry *entry = find(lockout, address);
	if (!entry)
		entry = take_oldest(lockout, address);
	entry->failed_ns[entry->next] = now_ns;
	entry->next = (entry->next + 1) % LOCKOUT_FAILURES;
	if (entry->count < LOCKOUT_FAILURES)
		entry->count++;
	entry->last_ns = now_ns;
	pthread_mutex_unlock(&lockout->lock);
}

uint32_t lockout_wait_s(struct lockout *lockout, const char *address, int64_t now_ns)
{
	int64_t wait_ns = 0;
	pthread_mutex_lock(&lockout->lock);
	const struct entry *entry = find(lockout, address);
	if (entry && entry->count == LOCKOUT_FAILURES)
		wait_ns = entry->failed_ns[entry->next] + LOCKOUT_WINDOW_NS - now_ns;
	pthread_mutex_unlock(&lockout->lock);
	return wait_ns > 0 ? (uint32_t)((wait_ns + 999999999) / 1000000000) : 0;
}
