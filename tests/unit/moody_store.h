/* moody_store: a store in memory that outlives its agents, and fails, forgets or dawdles when told
 * to. */
#pragma once
#include "base/util.h"
#include "unit/agent_fixture.h"

#include <pthread.h>

static struct moody {
	struct store store;
	struct store *inner;
	_Atomic bool fail_creates, fail_updates, frozen, hold_creates, hold_ends;
	_Atomic int creating;			     /* calls of create that have begun */
	_Atomic int removed, unwaited, unwaited_max; /* removals; in a row that nobody waited for */
	_Atomic bool hold_removes, removing, overtaken; /* a create came during a removal */
	_Atomic bool
		hold_next; /* an update of a job that has not ended waits, ahead of the store... */
	_Atomic bool holding; /* ...and is waiting */
	pthread_mutex_t lock;
	struct {
		char id[JOB_ID_LEN + 1];
		Pagecast__V1__JobState state;
	} stored[64]; /* updates that were taken, in their order; under the lock */
	size_t stored_count;
} moody;

static void note_update(const struct store_job *job)
{
	pthread_mutex_lock(&moody.lock);
	if (moody.stored_count < sizeof moody.stored / sizeof *moody.stored) {
		strcpy(moody.stored[moody.stored_count].id, job->id);
		moody.stored[moody.stored_count++].state = job->state;
	}
	pthread_mutex_unlock(&moody.lock);
}

UNUSED static size_t stored_count(void)
{
	pthread_mutex_lock(&moody.lock);
	size_t count = moody.stored_count;
	pthread_mutex_unlock(&moody.lock);
	return count;
}

static int moody_create(struct store *store, const struct store_job *job, struct error *ret_error)
{
	(void)store;
	moody.creating++;
	for (int64_t until = now_ms() + WEDGED_MS; moody.hold_creates; nap_ms(1))
		CHECK_INT(now_ms(), <, until);
	if (moody.removing)
		moody.overtaken = true;
	if (moody.fail_creates)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "the disk is full");
	return moody.inner->ops->create(moody.inner, job, ret_error);
}

static int moody_update(struct store *store, const struct store_job *job, enum store_wait wait,
			struct error *ret_error)
{
	(void)store;
	if (moody.fail_updates)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "the disk is full");
	if (moody.frozen)
		return 0;
	if (!job_state_ended(job->state) && moody.hold_next && !moody.holding) {
		moody.holding = true;
		for (int64_t until = now_ms() + WEDGED_MS; moody.hold_next; nap_ms(1))
			CHECK_INT(now_ms(), <, until);
	}
	for (int64_t until = now_ms() + WEDGED_MS; moody.hold_ends && job_state_ended(job->state);
	     nap_ms(1))
		CHECK_INT(now_ms(), <, until);
	note_update(job);
	return moody.inner->ops->update(moody.inner, job, wait, ret_error);
}

static int moody_remove(struct store *store, const char *id, enum store_wait wait,
			struct error *ret_error)
{
	(void)store;
	moody.removed++;
	moody.unwaited = wait == STORE_WAIT ? 0 : moody.unwaited + 1;
	moody.unwaited_max = MAX(moody.unwaited_max, moody.unwaited);
	for (moody.removing = true; moody.hold_removes;)
		nap_ms(1);
	moody.removing = false;
	return moody.inner->ops->remove(moody.inner, id, wait, ret_error);
}

static int moody_read(struct store *store, const char *id, bool want_spec,
		      struct store_read *ret_read, struct error *ret_error)
{
	(void)store;
	return moody.inner->ops->read(moody.inner, id, want_spec, ret_read, ret_error);
}

static int moody_load(struct store *store,
		      int (*each)(void *context, const struct store_job *job,
				  struct error *ret_error),
		      void *context, struct error *ret_error)
{
	(void)store;
	return moody.inner->ops->load(moody.inner, each, context, ret_error);
}

static int moody_check(struct store *store, struct error *ret_error)
{
	(void)store;
	return moody.fail_creates || moody.fail_updates
		       ? error_set(ret_error, ERROR_CODE_UNAVAILABLE, "the disk is full")
		       : 0;
}

static void moody_free(struct store *store)
{
	(void)store;
}

static void open_store(void)
{
	static const struct store_ops OPS = {.create = moody_create,
					     .update = moody_update,
					     .remove = moody_remove,
					     .read = moody_read,
					     .load = moody_load,
					     .check = moody_check,
					     .free = moody_free};
	struct error error = ERROR_NULL;
	memset(&moody, 0, sizeof moody);
	pthread_mutex_init(&moody.lock, NULL);
	moody.store = (struct store){.ops = &OPS, .in_memory = true};
	CHECK_INT(store_memory_new(&moody.inner, &error), ==, 0);
}

UNUSED static void start_on_store(void)
{
	start_agent_on(&moody.store, NULL, 1, 0);
}

static void close_store(void)
{
	moody.inner->ops->free(moody.inner);
}

/* A receiver, a store and an agent on it. */
UNUSED static void begin_on_store(void)
{
	open_receiver();
	open_store();
	start_on_store();
}

UNUSED static void end_on_store(void)
{
	end_agent();
	close_store();
	close_receiver();
}
