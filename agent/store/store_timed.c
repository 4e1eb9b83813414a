/*
 * store_timed: a store around another one that measures how long its callers wait. See
 * store_timed.h.
 *
 * Thread: any; the figures have a lock of their own.
 */
#include "store/store_timed.h"

#include "base/clock.h"
#include "base/util.h"
#include "pagecast/distribution.h"

#include <pthread.h>

struct store_timed {
	struct store store;
	struct store *inner; /* owned */
	pthread_mutex_t lock;
	struct agent_distribution waits;
	uint64_t refusals;
};

static struct store_timed *timed_of(struct store *store)
{
	return container_of(store, struct store_timed, store);
}

static int64_t now_ns(void)
{
	return clock_monotonic_ns(clock_real());
}

static int noted(struct store_timed *timed, int64_t began_ns, int code)
{
	int64_t took_ns = now_ns() - began_ns;
	pthread_mutex_lock(&timed->lock);
	distribution_add(&timed->waits, (uint64_t)took_ns);
	timed->refusals += code != 0;
	pthread_mutex_unlock(&timed->lock);
	return code;
}

static int timed_create(struct store *store, const struct store_job *job, struct error *ret_error)
{
	struct store_timed *timed = timed_of(store);
	int64_t began_ns = now_ns();
	return noted(timed, began_ns, timed->inner->ops->create(timed->inner, job, ret_error));
}

static int timed_update(struct store *store, const struct store_job *job, enum store_wait wait,
			struct error *ret_error)
{
	struct store_timed *timed = timed_of(store);
	int64_t began_ns = now_ns();
	int r = timed->inner->ops->update(timed->inner, job, wait, ret_error);
	return wait == STORE_WAIT ? noted(timed, began_ns, r) : r;
}

static int timed_remove(struct store *store, const char *id, enum store_wait wait,
			struct error *ret_error)
{
	struct store_timed *timed = timed_of(store);
	int64_t began_ns = now_ns();
	int r = timed->inner->ops->remove(timed->inner, id, wait, ret_error);
	return wait == STORE_WAIT ? noted(timed, began_ns, r) : r;
}

static int timed_read(struct store *store, const char *id, bool want_spec,
		      struct store_read *ret_read, struct error *ret_error)
{
	struct store *inner = timed_of(store)->inner;
	return inner->ops->read(inner, id, want_spec, ret_read, ret_error);
}

static int timed_load(struct store *store,
		      int (*each)(void *context, const struct store_job *job,
				  struct error *ret_error),
		      void *context, struct error *ret_error)
{
	struct store *inner = timed_of(store)->inner;
	int r = inner->ops->load(inner, each, context, ret_error);
	store->lost = inner->lost;
	return r;
}

static int timed_check(struct store *store, struct error *ret_error)
{
	struct store *inner = timed_of(store)->inner;
	return inner->ops->check(inner, ret_error);
}

static void timed_free(struct store *store)
{
	struct store_timed *timed = timed_of(store);
	timed->inner->ops->free(timed->inner);
	pthread_mutex_destroy(&timed->lock);
	free(timed);
}

struct store *store_timed_new(struct store *inner)
{
	static const struct store_ops OPS = {
		timed_create, timed_update, timed_remove, timed_read,
		timed_load,   timed_check,  timed_free,
	};
	struct store_timed *timed = calloc(1, sizeof *timed);
	if (!timed)
		return NULL;
	timed->store = (struct store){.ops = &OPS,
				      .in_memory = inner->in_memory,
				      .emptied = inner->emptied,
				      .rolled_back = inner->rolled_back};
	timed->inner = inner;
	pthread_mutex_init(&timed->lock, NULL);
	return &timed->store;
}

void store_timed_read(struct store *store, struct agent_distribution *ret_waits,
		      uint64_t *ret_refusals, uint64_t *ret_commits)
{
	struct store_timed *timed = timed_of(store);
	pthread_mutex_lock(&timed->lock);
	*ret_waits = timed->waits;
	*ret_refusals = timed->refusals;
	*ret_commits = atomic_load_explicit(&timed->inner->commits, memory_order_relaxed);
	pthread_mutex_unlock(&timed->lock);
}
