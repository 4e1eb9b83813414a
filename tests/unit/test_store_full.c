/* A disk that fills, and a folder that goes away: what was acknowledged is there after a restart,
 * and the ends of jobs have room that no new job can take. */
#include "lib/disk.h"
#include "lib/test.h"
#include "store/job_state.h"
#include "store/store_reserve.h"
#include "store/store_sqlite.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE(name) PAGECAST__V1__JOB_STATE__JOB_STATE_##name

enum { JOBS = 24, MORE = 12, ALL = JOBS + MORE, PAGE_BYTES = 4096, STEPS = 60, ROW_BYTES = 1500 };

static const uint8_t DIGEST[SHA256_DIGEST_SIZE] = {7};
static char directory[64];
static bool there[ALL], ended[ALL]; /* as acknowledged */
static bool found[ALL], found_ended[ALL];

static struct blob *filled_blob(size_t len, unsigned int number)
{
	struct blob *blob = blob_new(len);
	CHECK(blob);
	memset(blob->data, (int)number, len);
	return blob;
}

static struct store_job row_of(unsigned int number, Pagecast__V1__JobState state)
{
	struct store_job job = {
		.state = state,
		.version = 1 + job_state_ended(state),
		.revision = number,
		.owner = "local",
		.request_id = "",
		.spec_digest = DIGEST,
		.spec = filled_blob(ROW_BYTES, number),
		.basic = filled_blob(10, number),
		/* an end is longer than what was there */
		.record = filled_blob(job_state_ended(state) ? ROW_BYTES : 100, number),
	};
	snprintf(job.id, sizeof job.id, "01ARYZ6S41TSV4RRFFQ%07u", number);
	return job;
}

static void drop_blobs(struct store_job *job)
{
	job->spec = blob_unref(job->spec);
	job->basic = blob_unref(job->basic);
	job->record = blob_unref(job->record);
}

/* Return: is it acknowledged? */
static bool create(struct store *store, unsigned int number)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct store_job job = row_of(number, STATE(QUEUED));
	int r = store->ops->create(store, &job, &error);
	CHECK(!r || r == ERROR_CODE_UNAVAILABLE);
	there[number] = !r;
	ended[number] = false;
	drop_blobs(&job);
	return !r;
}

static bool end(struct store *store, unsigned int number)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct store_job job = row_of(number, STATE(CANCELLED));
	int r = store->ops->update(store, &job, STORE_WAIT, &error);
	CHECK(!r || r == ERROR_CODE_UNAVAILABLE);
	ended[number] = !r;
	drop_blobs(&job);
	return !r;
}

static int see(void *context, const struct store_job *job, struct error *ret_error)
{
	unsigned int number = (unsigned int)atoi(job->id + 19);
	(void)context;
	(void)ret_error;
	CHECK_INT(number, <, ALL);
	CHECK(!found[number]);
	found[number] = true;
	found_ended[number] = job_state_ended(job->state);
	return 0;
}

static struct store *open_store(void)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct store *store = NULL;
	if (store_sqlite_new(&store, directory, &error))
		test_fail(__FILE__, __LINE__, "%s", error_message(&error));
	return store;
}

static void check_restart(void)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct store *store = open_store();
	memset(found, 0, sizeof found);
	memset(found_ended, 0, sizeof found_ended);
	CHECK_INT(store->ops->load(store, see, NULL, &error), ==, 0);
	store->ops->free(store);
	for (size_t i = 0; i < ALL; i++)
		if (found[i] != there[i] || found_ended[i] != ended[i])
			test_fail(__FILE__, __LINE__, "job %zu: there %d, ended %d, not %d and %d",
				  i, found[i], found_ended[i], there[i], ended[i]);
}

static void make_folder(void)
{
	strcpy(directory, "/tmp/test_full.XXXXXX");
	CHECK(mkdtemp(directory));
	memset(there, 0, sizeof there);
	memset(ended, 0, sizeof ended);
}

static void remove_folder(const char *path)
{
	static const char *const FILES[] = {"jobs.db", "jobs.db-wal", "jobs.db-shm", "lock",
					    "reserve"};
	for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
		char file[160];
		snprintf(file, sizeof file, "%s/%s", path, FILES[i]);
		if (unlink(file) < 0)
			rmdir(file);
	}
	CHECK_INT(rmdir(path), ==, 0);
}

/* Where its file should be is a folder: the store has no reserve. */
static void forbid_reserve(void)
{
	char path[128];
	snprintf(path, sizeof path, "%s/reserve", directory);
	CHECK_INT(mkdir(path, 0700), ==, 0);
}

/* The disk has room for so many more pages, then none. Return: ends that were not stored */
static size_t fill_after(size_t pages, bool reserve)
{
	size_t refused = 0, turned_down = 0;
	make_folder();
	disk_watch(directory);
	if (!reserve)
		forbid_reserve();
	struct store *store = open_store();
	for (unsigned int i = 0; i < JOBS; i++)
		CHECK(create(store, i));
	disk_set_room(disk_used() + pages * PAGE_BYTES);
	for (unsigned int i = 0; i < ALL; i++) {
		if (i < MORE)
			turned_down += !create(store, JOBS + i);
		if (there[i])
			refused += !end(store, i);
	}
	CHECK(pages || turned_down > 0);
	disk_set_room(0);
	CHECK_INT(store->ops->check(store, &(struct error)ERROR_NULL), ==, 0);
	for (unsigned int i = 0; i < ALL; i++)
		if (there[i] && !ended[i])
			CHECK(end(store, i)); /* tried again */
	store->ops->free(store);
	disk_unwatch();
	check_restart();
	remove_folder(directory);
	return refused;
}

TEST(store_keeps_room_for_ends_on_a_full_disk)
{
	for (size_t pages = 0; pages < STEPS; pages++)
		if (fill_after(pages, true))
			test_fail(__FILE__, __LINE__, "%zu pages left: an end was not stored",
				  pages);
}

TEST(store_without_a_reserve_does_not_acknowledge_what_is_not_stored)
{
	size_t refused = 0;
	for (size_t pages = 0; pages < STEPS; pages += 5)
		refused += fill_after(pages, false);
	CHECK_INT(refused, >, 0); /* so the reserve is what helps */
}

TEST(store_takes_no_new_job_into_the_reserve)
{
	struct store_reserve reserve;
	struct stat status;
	char path[128];
	make_folder();
	snprintf(path, sizeof path, "%s/reserve", directory);
	store_reserve_open(&reserve, directory);
	CHECK(!reserve.spent);
	CHECK_INT(stat(path, &status), ==, 0);
	CHECK_INT(status.st_blocks * 512, >=, reserve.bytes); /* blocks, not a hole */
	CHECK(store_reserve_spend(&reserve));
	CHECK(!store_reserve_spend(&reserve)); /* there is nothing left to give */
	CHECK_INT(stat(path, &status), ==, 0);
	CHECK_INT(status.st_blocks, ==, 0);
	CHECK(store_reserve_refill(&reserve));
	store_reserve_close(&reserve);
	remove_folder(directory);
}

/* ---- a folder that goes away ---- */
static void check_lost(struct store *store, unsigned int number)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct store_job job = row_of(number, STATE(QUEUED));
	CHECK_INT(store->ops->create(store, &job, &error), ==, ERROR_CODE_UNAVAILABLE);
	CHECK_HAS(error_message(&error), "was removed or replaced");
	drop_blobs(&job);
	CHECK(!end(store, 0));
	_cleanup_error_ struct error again = ERROR_NULL;
	CHECK_INT(store->ops->check(store, &again), ==, ERROR_CODE_UNAVAILABLE);
	CHECK_HAS(error_message(&again), "was removed or replaced");
}

static void put_file(const char *folder, const char *name, const char *text)
{
	char path[160];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *file = fopen(path, "w");
	CHECK(file);
	fputs(text, file);
	fclose(file);
}

TEST(store_notices_that_its_folder_is_gone)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	char away[80], log[160];
	make_folder();
	struct store *store = open_store();
	CHECK(create(store, 0));
	snprintf(away, sizeof away, "%s.away", directory);
	CHECK_INT(rename(directory, away), ==, 0);
	/* not yet asked, and nothing has failed: the check alone sees it */
	CHECK_INT(store->ops->check(store, &error), ==, ERROR_CODE_UNAVAILABLE);
	check_lost(store, 1);
	CHECK_INT(mkdir(directory, 0700), ==, 0); /* another one in its place */
	put_file(directory, "jobs.db", "");
	check_lost(store, 1);
	remove_folder(directory);
	CHECK_INT(rename(away, directory), ==, 0);
	CHECK_INT(store->ops->check(store, &(struct error)ERROR_NULL), ==, 0);
	CHECK(create(store, 1));
	CHECK(end(store, 0));

	CHECK_INT(rename(directory, away), ==, 0);
	CHECK_INT(mkdir(directory, 0700), ==, 0);
	put_file(directory, "jobs.db-wal", "of another agent");
	store->ops->free(store);
	snprintf(log, sizeof log, "%s/jobs.db-wal", directory);
	CHECK_INT(access(log, F_OK), ==, 0); /* what has its path now is left alone */
	remove_folder(directory);
	CHECK_INT(rename(away, directory), ==, 0);
	check_restart();
	remove_folder(directory);
}

TEST(store_notices_that_one_of_its_files_is_gone)
{
	static const char *const NAMES[] = {"jobs.db", "jobs.db-wal", "lock"};
	for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
		char path[160];
		make_folder();
		struct store *store = open_store();
		CHECK(create(store, 0));
		snprintf(path, sizeof path, "%s/%s", directory, NAMES[i]);
		CHECK_INT(unlink(path), ==, 0);
		check_lost(store, 1);
		put_file(directory, NAMES[i], "");
		check_lost(store, 1);
		store->ops->free(store);
		remove_folder(directory);
	}
}

TEST_MAIN(CASE(store_keeps_room_for_ends_on_a_full_disk),
	  CASE(store_without_a_reserve_does_not_acknowledge_what_is_not_stored),
	  CASE(store_takes_no_new_job_into_the_reserve),
	  CASE(store_notices_that_its_folder_is_gone),
	  CASE(store_notices_that_one_of_its_files_is_gone))
