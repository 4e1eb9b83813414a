/* The store's promises, as the one in memory keeps them. */
#include "lib/test.h"
#include "store/store.h"

static struct store *store;

static struct blob *blob_of(const char *text)
{
	struct blob *blob = blob_new(strlen(text));
	memcpy(blob->data, text, strlen(text));
	return blob;
}

static void put(const char *id, uint64_t version, const char *spec, const char *record, bool create)
{
	static const uint8_t DIGEST[SHA256_DIGEST_SIZE];
	_cleanup_error_ struct error error = ERROR_NULL;
	_cleanup_blob_ struct blob *spec_blob = spec ? blob_of(spec) : NULL;
	_cleanup_blob_ struct blob *record_blob = blob_of(record);
	struct store_job job = {.version = version,
				.owner = "someone",
				.request_id = "",
				.spec_digest = DIGEST,
				.spec = spec_blob,
				.record = record_blob};
	strcpy(job.id, id);
	CHECK_INT(create ? store->ops->create(store, &job, &error)
			 : store->ops->update(store, &job, STORE_WAIT, &error),
		  ==, 0);
}

static void holds(const char *id, const char *spec, const char *record)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct store_read read;
	CHECK_INT(store->ops->read(store, id, true, &read, &error), ==, 0);
	CHECK(read.spec->len == strlen(spec) && !memcmp(read.spec->data, spec, strlen(spec)));
	CHECK(read.record->len == strlen(record) &&
	      !memcmp(read.record->data, record, strlen(record)));
	blob_unref(read.spec);
	blob_unref(read.record);
}

static const char FIRST[] = "01BX5ZZKBKACTAV9WEVGEMMVRY", SECOND[] = "01BX5ZZKBKACTAV9WEVGEMMVRZ";

TEST(store_keeps_the_newest_version_whatever_the_order)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	CHECK_INT(store_memory_new(&store, &error), ==, 0);
	put(FIRST, 1, "spec", "created", true);
	put(FIRST, 3, NULL, "ended", false);
	put(FIRST, 2, "late spec", "running", false); /* came late: dropped as a whole */
	holds(FIRST, "spec", "ended");
	put(FIRST, 4, "changed", "changed", false);
	holds(FIRST, "changed", "changed");
	store->ops->free(store);
}

TEST(store_forgets_what_was_removed)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct store_read read;
	CHECK_INT(store_memory_new(&store, &error), ==, 0);
	put(FIRST, 1, "one", "1", true);
	put(SECOND, 1, "two", "2", true);
	CHECK_INT(store->ops->remove(store, FIRST, STORE_WAIT, &error), ==, 0);
	CHECK_INT(store->ops->read(store, FIRST, false, &read, &error), ==, ERROR_CODE_NOT_FOUND);
	CHECK_HAS(error_message(&error), FIRST);
	put(FIRST, 2, NULL, "late", false); /* an update of what is gone makes no row */
	CHECK_INT(store->ops->read(store, FIRST, false, &read, &error), ==, ERROR_CODE_NOT_FOUND);
	holds(SECOND, "two", "2");
	store->ops->free(store);
}

static int collect(void *context, const struct store_job *job, struct error *ret_error)
{
	(void)ret_error;
	strcat(context, job->id + JOB_ID_LEN - 1);
	return 0;
}

TEST(store_loads_oldest_first)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	char order[8] = "";
	CHECK_INT(store_memory_new(&store, &error), ==, 0);
	put(SECOND, 1, "two", "2", true);
	put(FIRST, 1, "one", "1", true);
	CHECK_INT(store->ops->load(store, collect, order, &error), ==, 0);
	CHECK_STR(order, "YZ");
	store->ops->free(store);
}

TEST_MAIN(CASE(store_keeps_the_newest_version_whatever_the_order),
	  CASE(store_forgets_what_was_removed), CASE(store_loads_oldest_first))
