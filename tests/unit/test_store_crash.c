/* The power goes while the store writes: whatever the disk kept of what was not synced, every row
 * that was acknowledged is there, as it was acknowledged. */
#include "lib/disk.h"
#include "lib/test.h"
#include "store/store_sqlite.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE(name) PAGECAST__V1__JOB_STATE__JOB_STATE_##name

enum { JOBS = 60, POINTS_MIN = 200, POINTS_MAX = 2000, ROW_BYTES = 3000 };

static const uint8_t DIGEST[SHA256_DIGEST_SIZE] = {7};
static char directory[64], photos[64];

/* What the caller knows of a row; it rises. Writer: the caller. Reader: the store's thread */
enum known { ASKED_NOTHING, ASKED_CREATE, CREATED, ASKED_END, ENDED, ASKED_REMOVE, REMOVED };
static _Atomic int known[JOBS];

static struct point { /* what was known at a photograph */
	uint8_t known[JOBS];
} points[POINTS_MAX];
static size_t point_count;

static void photo_directory(size_t point, char path[static 128])
{
	snprintf(path, 128, "%s/%zu", photos, point);
}

static void take_photo(void)
{
	char path[128];
	if (point_count == POINTS_MAX)
		return;
	for (size_t i = 0; i < JOBS; i++)
		points[point_count].known[i] = (uint8_t)known[i];
	photo_directory(point_count, path);
	CHECK_INT(mkdir(path, 0700), ==, 0);
	disk_photograph((enum disk_loss)(point_count % DISK_LOSSES), path);
	point_count++;
}

static struct blob *filled_blob(size_t len, unsigned int number)
{
	struct blob *blob = blob_new(len);
	CHECK(blob);
	memset(blob->data, (int)number, len);
	return blob;
}

static void drop_blobs(struct store_job *job)
{
	job->spec = blob_unref(job->spec);
	job->basic = blob_unref(job->basic);
	job->record = blob_unref(job->record);
}

static struct store_job row_of(unsigned int number)
{
	struct store_job job = {
		.state = STATE(QUEUED),
		.version = 1,
		.revision = number,
		.owner = "local",
		.request_id = "",
		.spec_digest = DIGEST,
		.spec = filled_blob(ROW_BYTES * (1 + number % 3), number),
		.basic = filled_blob(10, number),
		.record = filled_blob(ROW_BYTES, number),
	};
	snprintf(job.id, sizeof job.id, "01ARYZ6S41TSV4RRFFQ%07u", number);
	return job;
}

static void create(struct store *store, unsigned int number)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct store_job job = row_of(number);
	known[number] = ASKED_CREATE;
	CHECK_INT(store->ops->create(store, &job, &error), ==, 0);
	known[number] = CREATED;
	drop_blobs(&job);
}

static void end(struct store *store, unsigned int number)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct store_job job = row_of(number);
	job.version = 2;
	job.state = STATE(SUCCEEDED);
	known[number] = ASKED_END;
	CHECK_INT(store->ops->update(store, &job, STORE_WAIT, &error), ==, 0);
	known[number] = ENDED;
	drop_blobs(&job);
}

static void remove_row(struct store *store, unsigned int number)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct store_job job = row_of(number);
	known[number] = ASKED_REMOVE;
	CHECK_INT(store->ops->remove(store, job.id, STORE_WAIT, &error), ==, 0);
	known[number] = REMOVED;
	drop_blobs(&job);
}

/* Three callers at once, so that groups of writes are cut too. */
static void *work(void *context)
{
	struct store *store = ((void **)context)[0];
	unsigned int first = (unsigned int)(uintptr_t)((void **)context)[1];
	for (unsigned int number = first; number < JOBS; number += 3) {
		create(store, number);
		if (number % 2)
			end(store, number);
		if (number % 4 == 1)
			remove_row(store, number);
	}
	return NULL;
}

struct found {
	bool there[JOBS], ended[JOBS];
};

static int see(void *context, const struct store_job *job, struct error *ret_error)
{
	struct found *found = context;
	unsigned int number = (unsigned int)atoi(job->id + 19);
	(void)ret_error;
	CHECK_INT(number, <, JOBS);
	CHECK(!found->there[number]);
	found->there[number] = true;
	found->ended[number] = job->state == STATE(SUCCEEDED);
	CHECK(job->basic->len == 10 && job->basic->data[9] == number);
	if (job->spec)
		CHECK(job->spec->len == ROW_BYTES * (1 + number % 3) &&
		      job->spec->data[job->spec->len - 1] == number);
	return 0;
}

static void check_integrity(const char *path)
{
	char file[160];
	sqlite3 *connection;
	sqlite3_stmt *statement;
	snprintf(file, sizeof file, "%s/jobs.db", path);
	CHECK_INT(sqlite3_open(file, &connection), ==, SQLITE_OK);
	CHECK_INT(sqlite3_prepare_v2(connection, "PRAGMA integrity_check", -1, &statement, NULL),
		  ==, SQLITE_OK);
	CHECK_INT(sqlite3_step(statement), ==, SQLITE_ROW);
	CHECK_STR((const char *)sqlite3_column_text(statement, 0), "ok");
	sqlite3_finalize(statement);
	CHECK_INT(sqlite3_close(connection), ==, SQLITE_OK);
}

static void remove_files(const char *path)
{
	static const char *const FILES[] = {"jobs.db", "jobs.db-wal", "jobs.db-shm", "lock",
					    "reserve"};
	for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
		char file[160];
		snprintf(file, sizeof file, "%s/%s", path, FILES[i]);
		unlink(file);
	}
	CHECK_INT(rmdir(path), ==, 0);
}

static void check_row(size_t point, size_t row, const struct found *found)
{
	enum known was = points[point].known[row];
	bool there = found->there[row], ended = found->ended[row];
	if ((was >= CREATED && was < ASKED_REMOVE && !there) || (was == REMOVED && there) ||
	    (was == ASKED_NOTHING && there) || (was == ENDED && !ended) ||
	    (was < ASKED_END && ended))
		test_fail(__FILE__, __LINE__, "crash %zu (loss %zu): row %zu was %d and is %s%s",
			  point, point % DISK_LOSSES, row, was, there ? "there" : "gone",
			  ended ? ", ended" : "");
}

static void check_photo(size_t point)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct store *store = NULL;
	struct found found = {0};
	char path[128];
	photo_directory(point, path);
	if (store_sqlite_new(&store, path, &error))
		test_fail(__FILE__, __LINE__, "crash %zu: %s", point, error_message(&error));
	CHECK_INT(store->ops->load(store, see, &found, &error), ==, 0);
	store->ops->free(store);
	check_integrity(path);
	for (size_t row = 0; row < JOBS; row++)
		check_row(point, row, &found);
	remove_files(path);
}

static void run_callers(struct store *store)
{
	pthread_t threads[3];
	void *contexts[3][2];
	for (size_t i = 0; i < 3; i++) {
		contexts[i][0] = store;
		contexts[i][1] = (void *)(uintptr_t)i;
		CHECK_INT(pthread_create(&threads[i], NULL, work, contexts[i]), ==, 0);
	}
	for (size_t i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}

TEST(store_that_loses_power_keeps_what_it_acknowledged)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct store *store = NULL;
	strcpy(directory, "/tmp/test_crash.XXXXXX");
	strcpy(photos, "/tmp/test_photos.XXXXXX");
	CHECK(mkdtemp(directory) && mkdtemp(photos));
	disk_watch(directory);
	disk_on_change(take_photo); /* from the first byte of a new database on */
	CHECK_INT(store_sqlite_new(&store, directory, &error), ==, 0);
	run_callers(store);
	store->ops->free(store); /* the last checkpoint */
	disk_unwatch();
	CHECK_INT(point_count, >=, POINTS_MIN);
	CHECK_INT(point_count, <, POINTS_MAX);
	printf("%zu crashes\n", point_count);
	for (size_t point = 0; point < point_count; point++)
		check_photo(point);
	remove_files(directory);
	CHECK_INT(rmdir(photos), ==, 0);
}

TEST_MAIN(CASE(store_that_loses_power_keeps_what_it_acknowledged))
