/*
 * store_memory: the store of an agent without a state directory: rows in a hash table of blobs.
 *
 * Thread: any; one lock, held for a look-up.
 */
#include "store/store.h"

#include "base/util.h"

#include <pthread.h>
#include <string.h>

enum { BUCKETS = 4096 }; /* 100,000 rows make chains of 25 */

struct row {
	struct row *next;
	struct store_job job; /* its strings and blobs are owned */
	uint8_t spec_digest[SHA256_DIGEST_SIZE];
};

struct store_memory {
	struct store store;
	pthread_mutex_t lock;
	struct row *buckets[BUCKETS];
};

static struct store_memory *memory_of(struct store *store)
{
	return container_of(store, struct store_memory, store);
}

/* The end of a name is its random part. */
static size_t bucket_of(const char *id)
{
	uint32_t hash = 0;
	for (const char *c = id + JOB_ID_LEN - 8; *c; c++)
		hash = hash * 31 + (unsigned char)*c;
	return hash % BUCKETS;
}

static struct row **find(struct store_memory *memory, const char *id)
{
	struct row **at = &memory->buckets[bucket_of(id)];
	while (*at && strcmp((*at)->job.id, id) != 0)
		at = &(*at)->next;
	return at;
}

static struct row *row_free(struct row *row)
{
	if (!row)
		return NULL;
	free((char *)row->job.owner);
	free((char *)row->job.request_id);
	blob_unref(row->job.spec);
	blob_unref(row->job.basic);
	blob_unref(row->job.record);
	free(row);
	return NULL;
}

static struct row *row_new(const struct store_job *job)
{
	struct row *row = calloc(1, sizeof *row);
	if (!row)
		return NULL;
	row->job = *job;
	row->job.spec = blob_ref(job->spec);
	row->job.basic = blob_ref(job->basic);
	row->job.record = blob_ref(job->record);
	memcpy(row->spec_digest, job->spec_digest, sizeof row->spec_digest);
	row->job.spec_digest = row->spec_digest;
	row->job.owner = strdup(job->owner);
	row->job.request_id = strdup(job->request_id);
	if (row->job.owner && row->job.request_id)
		return row;
	return row_free(row);
}

static int memory_create(struct store *store, const struct store_job *job, struct error *ret_error)
{
	struct store_memory *memory = memory_of(store);
	struct row *row = row_new(job);
	if (!row)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE,
				 "out of memory: the job was not stored");
	pthread_mutex_lock(&memory->lock);
	struct row **at = find(memory, job->id);
	row->next = *at;
	*at = row;
	pthread_mutex_unlock(&memory->lock);
	return 0;
}

static void replace(struct blob **blob, struct blob *with)
{
	if (!with)
		return;
	struct blob *old = *blob;
	*blob = blob_ref(with);
	blob_unref(old);
}

static int memory_update(struct store *store, const struct store_job *job, enum store_wait wait,
			 struct error *ret_error)
{
	(void)wait;
	(void)ret_error;
	struct store_memory *memory = memory_of(store);
	pthread_mutex_lock(&memory->lock);
	struct row *row = *find(memory, job->id);
	if (row && row->job.version < job->version) {
		row->job.version = job->version;
		row->job.state = job->state;
		row->job.revision = job->revision;
		row->job.end_ns = job->end_ns;
		replace(&row->job.spec, job->spec);
		replace(&row->job.basic, job->basic);
		replace(&row->job.record, job->record);
	}
	pthread_mutex_unlock(&memory->lock);
	return 0;
}

static int memory_remove(struct store *store, const char *id, enum store_wait wait,
			 struct error *ret_error)
{
	(void)wait;
	(void)ret_error;
	struct store_memory *memory = memory_of(store);
	pthread_mutex_lock(&memory->lock);
	struct row **at = find(memory, id), *row = *at;
	if (row)
		*at = row->next;
	pthread_mutex_unlock(&memory->lock);
	row_free(row);
	return 0;
}

static int memory_read(struct store *store, const char *id, bool want_spec,
		       struct store_read *ret_read, struct error *ret_error)
{
	struct store_memory *memory = memory_of(store);
	struct store_read read = {0};
	pthread_mutex_lock(&memory->lock);
	struct row *row = *find(memory, id);
	if (row) {
		read.record = blob_ref(row->job.record);
		read.spec = want_spec ? blob_ref(row->job.spec) : NULL;
	}
	pthread_mutex_unlock(&memory->lock);
	if (!row)
		return error_set(ret_error, ERROR_CODE_NOT_FOUND, "there is no job %s", id);
	*ret_read = read;
	return 0;
}

static int by_id(const void *a, const void *b)
{
	const struct row *const *x = a, *const *y = b;
	return strcmp((*x)->job.id, (*y)->job.id);
}

static int memory_load(struct store *store,
		       int (*each)(void *context, const struct store_job *job,
				   struct error *ret_error),
		       void *context, struct error *ret_error)
{
	struct store_memory *memory = memory_of(store);
	size_t count = 0, filled = 0;
	for (size_t i = 0; i < BUCKETS; i++)
		for (const struct row *row = memory->buckets[i]; row; row = row->next)
			count++;
	_cleanup_free_ struct row **rows = calloc(count + 1, sizeof *rows);
	if (!rows)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct row *row = memory->buckets[i]; row; row = row->next)
			rows[filled++] = row;
	qsort(rows, count, sizeof *rows, by_id);
	int r = 0;
	for (size_t i = 0; i < count && !r; i++)
		r = each(context, &rows[i]->job, ret_error);
	return r;
}

static int memory_check(struct store *store, struct error *ret_error)
{
	(void)store;
	(void)ret_error;
	return 0;
}

static void memory_free(struct store *store)
{
	struct store_memory *memory = memory_of(store);
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct row *row = memory->buckets[i], *next; row; row = next) {
			next = row->next;
			row_free(row);
		}
	pthread_mutex_destroy(&memory->lock);
	free(memory);
}

int store_memory_new(struct store **ret_store, struct error *ret_error)
{
	static const struct store_ops OPS = {
		.create = memory_create,
		.update = memory_update,
		.remove = memory_remove,
		.read = memory_read,
		.load = memory_load,
		.check = memory_check,
		.free = memory_free,
	};
	struct store_memory *memory = calloc(1, sizeof *memory);
	if (!memory)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	memory->store = (struct store){.ops = &OPS, .in_memory = true};
	pthread_mutex_init(&memory->lock, NULL);
	*ret_store = &memory->store;
	return 0;
}
