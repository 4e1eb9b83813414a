/* The store on SQLite: rows come back as they went in, old writes lose, bad files are refused in
 * words. */
#include "lib/test.h"
#include "store/store_sqlite.h"

#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE(name) PAGECAST__V1__JOB_STATE__JOB_STATE_##name

static char directory[64];
static const uint8_t DIGEST[SHA256_DIGEST_SIZE] = {1, 2, 3};

static void fresh_directory(void)
{
	strcpy(directory, "/tmp/test_store.XXXXXX");
	CHECK(mkdtemp(directory));
}

static void remove_directory(void)
{
	static const char *const FILES[] = {"jobs.db", "jobs.db-wal", "jobs.db-shm", "lock",
					    "reserve"};
	for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
		char path[128];
		snprintf(path, sizeof path, "%s/%s", directory, FILES[i]);
		unlink(path);
	}
	CHECK_INT(rmdir(directory), ==, 0);
}

static struct store *open_store(void)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct store *store = NULL;
	if (store_sqlite_new(&store, directory, &error))
		test_fail(__FILE__, __LINE__, "%s", error_message(&error));
	return store;
}

static struct blob *text_blob(const char *text)
{
	struct blob *blob = blob_new(strlen(text));
	CHECK(blob);
	memcpy(blob->data, text, blob->len);
	return blob;
}

static bool blob_is(const struct blob *blob, const char *text)
{
	return blob && blob->len == strlen(text) && memcmp(blob->data, text, blob->len) == 0;
}

/* A job named by its number; blobs are the caller's. */
static struct store_job job_number(unsigned int number, const char *request_id)
{
	struct store_job job = {
		.state = STATE(QUEUED),
		.version = 1,
		.revision = 10 + number,
		.create_ns = 1000 + number,
		.owner = "local",
		.request_id = request_id,
		.spec_digest = DIGEST,
		.spec = text_blob("spec"),
		.basic = text_blob("basic"),
		.record = text_blob("record"),
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

static int create_number(struct store *store, unsigned int number, const char *request_id)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct store_job job = job_number(number, request_id);
	int r = store->ops->create(store, &job, &error);
	drop_blobs(&job);
	return r;
}

static int update_number(struct store *store, unsigned int number, uint64_t version,
			 Pagecast__V1__JobState state, const char *record, enum store_wait wait)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct store_job job = job_number(number, "");
	drop_blobs(&job);
	job.version = version;
	job.state = state;
	job.record = text_blob(record);
	int r = store->ops->update(store, &job, wait, &error);
	drop_blobs(&job);
	return r;
}

struct seen {
	unsigned int rows, with_spec;
	Pagecast__V1__JobState last_state;
	char last_id[JOB_ID_LEN + 1];
	uint64_t revision_max;
};

static int see(void *context, const struct store_job *job, struct error *ret_error)
{
	struct seen *seen = context;
	(void)ret_error;
	CHECK(strcmp(seen->last_id, job->id) < 0);
	CHECK(memcmp(job->spec_digest, DIGEST, sizeof DIGEST) == 0);
	CHECK(blob_is(job->basic, "basic"));
	CHECK_INT(!job->spec, ==, !job->record);
	if (job->spec)
		CHECK(blob_is(job->spec, "spec"));
	strcpy(seen->last_id, job->id);
	seen->rows++;
	seen->with_spec += job->spec != NULL;
	seen->last_state = job->state;
	if (job->revision > seen->revision_max)
		seen->revision_max = job->revision;
	return 0;
}

static struct seen load(struct store *store)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct seen seen = {0};
	CHECK_INT(store->ops->load(store, see, &seen, &error), ==, 0);
	return seen;
}

TEST(store_sqlite_gives_back_after_a_restart_what_was_stored)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct store_read read;
	fresh_directory();
	struct store *store = open_store();
	CHECK_INT(load(store).rows, ==, 0);
	CHECK_INT(create_number(store, 2, "b"), ==, 0);
	CHECK_INT(create_number(store, 1, "a"), ==, 0);
	CHECK_INT(update_number(store, 2, 2, STATE(SUCCEEDED), "ended", STORE_WAIT), ==, 0);
	store->ops->free(store);
	store = open_store();
	struct seen seen = load(store);
	CHECK_INT(seen.rows, ==, 2);
	CHECK_INT(seen.with_spec, ==, 1); /* the one that has not ended */
	CHECK_INT(seen.last_state, ==, STATE(SUCCEEDED));
	CHECK_INT(seen.revision_max, ==, 12);
	CHECK_INT(store->ops->read(store, seen.last_id, true, &read, &error), ==, 0);
	CHECK(blob_is(read.record, "ended") && blob_is(read.spec, "spec"));
	blob_unref(read.record);
	blob_unref(read.spec);
	CHECK_INT(store->ops->remove(store, seen.last_id, STORE_WAIT, &error), ==, 0);
	CHECK_INT(store->ops->read(store, seen.last_id, true, &read, &error), ==,
		  ERROR_CODE_NOT_FOUND);
	store->ops->free(store);
	remove_directory();
}

TEST(store_sqlite_drops_writes_that_are_older_than_what_is_stored)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct store_job job = job_number(1, "");
	struct store_read read;
	fresh_directory();
	struct store *store = open_store();
	CHECK_INT(create_number(store, 1, ""), ==, 0);
	CHECK_INT(update_number(store, 1, 5, STATE(RUNNING), "five", STORE_WAIT), ==, 0);
	CHECK_INT(update_number(store, 1, 4, STATE(QUEUED), "four", STORE_WAIT), ==, 0);
	for (unsigned int v = 6; v < 100; v++)
		CHECK_INT(update_number(store, 1, v, STATE(RUNNING), v == 99 ? "last" : "more",
					STORE_NO_WAIT),
			  ==, 0);
	CHECK_INT(update_number(store, 1, 50, STATE(QUEUED), "fifty", STORE_WAIT), ==, 0);
	CHECK_INT(store->ops->read(store, job.id, false, &read, &error), ==, 0);
	CHECK(blob_is(read.record, "last"));
	CHECK(!read.spec);
	blob_unref(read.record);
	drop_blobs(&job);
	store->ops->free(store);
	remove_directory();
}

TEST(store_sqlite_keeps_request_ids_unique_a_caller)
{
	fresh_directory();
	struct store *store = open_store();
	CHECK_INT(create_number(store, 1, "same"), ==, 0);
	CHECK_INT(create_number(store, 2, "same"), ==, ERROR_CODE_UNAVAILABLE);
	CHECK_INT(create_number(store, 3, ""), ==, 0);
	CHECK_INT(create_number(store, 4, ""), ==, 0);
	CHECK_INT(load(store).rows, ==, 3);
	store->ops->free(store);
	remove_directory();
}

static void *create_many(void *context)
{
	struct store *store = ((void **)context)[0];
	unsigned int first = (unsigned int)(uintptr_t)((void **)context)[1];
	for (unsigned int i = 0; i < 50; i++)
		CHECK_INT(create_number(store, first + i, ""), ==, 0);
	return NULL;
}

TEST(store_sqlite_serves_many_at_once)
{
	enum { CALLERS = 8 };
	pthread_t threads[CALLERS];
	void *contexts[CALLERS][2];
	fresh_directory();
	struct store *store = open_store();
	for (size_t i = 0; i < CALLERS; i++) {
		contexts[i][0] = store;
		contexts[i][1] = (void *)(uintptr_t)(i * 1000);
		CHECK_INT(pthread_create(&threads[i], NULL, create_many, contexts[i]), ==, 0);
	}
	for (size_t i = 0; i < CALLERS; i++)
		pthread_join(threads[i], NULL);
	store->ops->free(store);
	store = open_store();
	CHECK_INT(load(store).rows, ==, CALLERS * 50);
	store->ops->free(store);
	remove_directory();
}

TEST(store_sqlite_is_one_agents_alone)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct store *second = NULL;
	fresh_directory();
	struct store *store = open_store();
	CHECK_INT(store_sqlite_new(&second, directory, &error), ==, ERROR_CODE_FAILED_PRECONDITION);
	CHECK_HAS(error_message(&error), "another agent uses it");
	store->ops->free(store);
	remove_directory();
}

static void run_sql(const char *sql)
{
	sqlite3 *connection;
	char path[128];
	snprintf(path, sizeof path, "%s/jobs.db", directory);
	CHECK_INT(sqlite3_open(path, &connection), ==, SQLITE_OK);
	CHECK_INT(sqlite3_exec(connection, sql, NULL, NULL, NULL), ==, SQLITE_OK);
	CHECK_INT(sqlite3_close(connection), ==, SQLITE_OK);
}

static void check_refused(const char *says)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct store *store = NULL;
	CHECK_INT(store_sqlite_new(&store, directory, &error), ==, ERROR_CODE_FAILED_PRECONDITION);
	CHECK_HAS(error_message(&error), "jobs.db");
	CHECK_HAS(error_message(&error), says);
}

TEST(store_sqlite_refuses_what_is_newer_foreign_or_no_database)
{
	fresh_directory();
	struct store *store = open_store();
	store->ops->free(store);
	run_sql("PRAGMA user_version = 1000");
	check_refused("newer version");
	run_sql("PRAGMA user_version = 1; PRAGMA application_id = 77");
	check_refused("another program");
	char path[128];
	snprintf(path, sizeof path, "%s/jobs.db", directory);
	FILE *file = fopen(path, "w");
	for (int i = 0; i < 1000; i++)
		fputs("this is no database ", file);
	fclose(file);
	check_refused("not a database");
	remove_directory();
}

TEST(store_sqlite_says_so_when_the_disk_is_full_and_goes_on_when_it_is_not)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct rlimit before;
	fresh_directory();
	signal(SIGXFSZ, SIG_IGN);
	struct store *store = open_store();
	CHECK_INT(create_number(store, 1, ""), ==, 0);
	CHECK_INT(getrlimit(RLIMIT_FSIZE, &before), ==, 0);
	struct rlimit small = {4096, before.rlim_max};
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &small), ==, 0);
	CHECK_INT(create_number(store, 2, ""), ==, ERROR_CODE_UNAVAILABLE);
	CHECK_INT(store->ops->check(store, &error), ==, ERROR_CODE_UNAVAILABLE);
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &before), ==, 0);
	CHECK_INT(store->ops->check(store, &error), ==, 0);
	CHECK_INT(create_number(store, 3, ""), ==, 0);
	store->ops->free(store);
	store = open_store();
	CHECK_INT(load(store).rows, ==, 2); /* not the one that was refused */
	store->ops->free(store);
	remove_directory();
}

TEST_MAIN(CASE(store_sqlite_gives_back_after_a_restart_what_was_stored),
	  CASE(store_sqlite_drops_writes_that_are_older_than_what_is_stored),
	  CASE(store_sqlite_keeps_request_ids_unique_a_caller),
	  CASE(store_sqlite_serves_many_at_once), CASE(store_sqlite_is_one_agents_alone),
	  CASE(store_sqlite_refuses_what_is_newer_foreign_or_no_database),
	  CASE(store_sqlite_says_so_when_the_disk_is_full_and_goes_on_when_it_is_not))
