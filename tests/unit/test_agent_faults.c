/* Every call of the disk and every allocation fails in turn while jobs are submitted, read, listed
 * and cancelled: no crash, and nothing is acknowledged that is not stored. */
#include "base/log.h"
#include "lib/disk.h"
#include "lib/heap.h"
#include "store/store_sqlite.h"
#include "unit/agent_fixture.h"

#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { FAULTS_MAX = 5000, KEPT_MAX = 2 * FAULTS_MAX };

static char directory[64];
static char kept[KEPT_MAX][JOB_ID_LEN + 1]; /* acknowledged */
static size_t kept_count, refused_count;
static Pagecast__V1__SubmitJobRequest request;

static struct store *open_store(void)
{
	struct error error = ERROR_NULL;
	struct store *store = NULL;
	if (store_sqlite_new(&store, directory, &error))
		test_fail(__FILE__, __LINE__, "%s", error_message(&error));
	return store;
}

static void make_directory(void)
{
	strcpy(directory, "/tmp/test_faults.XXXXXX");
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

static void begin_here(void)
{
	disk_watch("/nowhere"); /* faults only */
	open_receiver();
	kept_count = refused_count = 0;
	start_agent_on(open_store(), NULL, 1, 100000);
	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_KV);
	request = (Pagecast__V1__SubmitJobRequest)PAGECAST__V1__SUBMIT_JOB_REQUEST__INIT;
	request.spec = (Pagecast__V1__JobSpec *)parse(
		&pagecast__v1__job_spec__descriptor,
		spec_text("\"limit\":{\"untilCancelled\":true},\"rate\":{\"pps\":10}", ""));
}

static void begin(void)
{
	make_directory();
	begin_here();
}

static void finish(void)
{
	end_agent();
	pagecast__v1__job_spec__free_unpacked(request.spec, NULL);
	close_receiver();
	remove_directory();
}

/* Return: 0, the job kept; or the code that it was refused with */
static int submit_one(void)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	int r = agent_submit_job(agent, &OPERATOR, &request, &job, NULL, &error);
	CHECK_INT(!r, ==, job != NULL);
	if (!r) {
		CHECK_INT(kept_count, <, KEPT_MAX);
		strcpy(kept[kept_count++], job->id);
		drop(job);
	}
	error_deinit(&error);
	return r;
}

static void read_one(const char *id)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__GetJobRequest get_request = PAGECAST__V1__GET_JOB_REQUEST__INIT;
	Pagecast__V1__Job *job = NULL;
	get_request.id = (char *)id;
	int r = agent_get_job(agent, &VIEWER, &get_request, &job, &error);
	CHECK(r != ERROR_CODE_NOT_FOUND);
	if (!r)
		CHECK_STR(job->id, id);
	if (job)
		drop(job);
	error_deinit(&error);
}

static void list_all(void)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__ListJobsRequest list = PAGECAST__V1__LIST_JOBS_REQUEST__INIT;
	Pagecast__V1__ListJobsResponse *response = NULL;
	int r = agent_list_jobs(agent, &VIEWER, &list, &response, &error);
	CHECK_INT(!r, ==, response != NULL);
	if (response)
		pagecast__v1__list_jobs_response__free_unpacked(response, NULL);
	error_deinit(&error);
}

static int cancel_one(const char *id)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__CancelJobRequest cancel_request = PAGECAST__V1__CANCEL_JOB_REQUEST__INIT;
	Pagecast__V1__Job *job = NULL;
	cancel_request.id = (char *)id;
	int r = agent_cancel_job(agent, &OPERATOR, &cancel_request, &job, &error);
	if (!r)
		CHECK(job_state_ended(job->state));
	if (job)
		drop(job);
	error_deinit(&error);
	return r;
}

/* Ends that the store did not take at first are stored when it can be. */
static void wait_saved(void)
{
	size_t unsaved = 1;
	for (int64_t until = now_ms() + WEDGED_MS; unsaved; nap_ms(5)) {
		CHECK_INT(now_ms(), <, until);
		agent_lock(agent);
		unsaved = agent->unsaved_count;
		agent_unlock(agent);
	}
}

/* After a restart: what was acknowledged is there, once and ended. */
static void check_kept(bool nothing_else)
{
	wait_saved();
	end_agent();
	start_agent_on(open_store(), NULL, 1, 100000);
	agent_lock(agent);
	size_t count = agent->jobs.count;
	agent_unlock(agent);
	CHECK_INT(kept_count, <=, count);
	if (nothing_else)
		CHECK_INT(kept_count, ==, count);
	for (size_t i = 0; i < kept_count; i++)
		CHECK(job_state_ended(state_of(kept[i])));
}

struct disk_case {
	enum disk_call call;
	int code;
	bool for_ever;
};

static void one_round(bool disk)
{
	size_t before = kept_count;
	int r = submit_one();
	if (r) {
		refused_count++;
		if (disk)
			CHECK_INT(r, ==, ERROR_CODE_UNAVAILABLE);
	}
	list_all();
	if (kept_count == before)
		return;
	const char *id = kept[before];
	read_one(id);
	r = cancel_one(id);
	if (disk && r != ERROR_CODE_UNAVAILABLE) /* stopped, but its row cannot be read */
		CHECK_INT(r, ==, 0);
	read_one(id);
}

TEST(agent_acknowledges_nothing_that_the_disk_did_not_take)
{
	static const struct disk_case CASES[] = {
		{DISK_WRITE, SQLITE_FULL, false},	 {DISK_WRITE, SQLITE_FULL, true},
		{DISK_WRITE, SQLITE_IOERR_WRITE, false}, {DISK_WRITE, SQLITE_IOERR_WRITE, true},
		{DISK_READ, SQLITE_IOERR_READ, false},
	};
	begin();
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		size_t passes = 0;
		for (bool failed = true; failed && passes < FAULTS_MAX; passes++) {
			size_t before = kept_count;
			disk_fail_at(CASES[i].call, CASES[i].code, passes, CASES[i].for_ever);
			one_round(true);
			failed = disk_failed();
			disk_heal();
			if (kept_count > before)
				CHECK_INT(cancel_one(kept[before]), ==, 0);
		}
		printf("%zu calls of the disk\n", passes);
		CHECK_INT(passes, <, FAULTS_MAX);
	}
	CHECK_INT(refused_count, >, 0);
	CHECK_INT(kept_count, >, 0);
	check_kept(true);
	finish();
}

/* Of the two jobs that were cancelled. */
static void check_not_stored(bool expected)
{
	for (size_t i = 0; i < 2; i++) {
		Pagecast__V1__Job *job = get(kept[i]);
		CHECK_INT(job->state, ==, STATE(CANCELLED));
		CHECK_INT(has_problem(job, "not_stored", "could not take the end"), ==, expected);
		drop(job);
	}
}

TEST(agent_with_a_full_disk_cancels_and_stops)
{
	struct error error = ERROR_NULL;
	begin();
	CHECK_INT(submit_one(), ==, 0);
	drop(wait_state(kept[0], STATE(RUNNING)));
	CHECK_INT(submit_one(), ==, 0);
	disk_fail_at(DISK_WRITE, SQLITE_FULL, 0, true);
	CHECK_INT(submit_one(), ==, ERROR_CODE_UNAVAILABLE);
	CHECK_INT(cancel_one(kept[0]), ==, 0);
	CHECK_INT(cancel_one(kept[1]), ==, 0);
	check_not_stored(true);
	expect_error(agent_check_ready(agent, &error), &error, ERROR_CODE_UNAVAILABLE, "full");
	count_received(NULL);
	nap_ms(250); /* two gaps at 10 pps */
	CHECK_INT(count_received(NULL), ==, 0);
	int64_t before = now_ms();
	CHECK_INT(agent_stop(agent), ==, 2); /* ends that a restart would undo */
	CHECK_INT(now_ms() - before, <, WEDGED_MS);
	check_not_stored(true);
	disk_heal();
	CHECK_INT(agent_stop(agent), ==, 0); /* it tries once more */
	check_not_stored(false);
	finish();
}

TEST(agent_whose_ends_wait_for_the_store_is_not_ready)
{
	struct error error = ERROR_NULL;
	begin();
	CHECK_INT(submit_one(), ==, 0);
	CHECK_INT(submit_one(), ==, 0);
	agent_lock(agent);
	agent->unsaved_count += 2; /* as between a write that failed and the next try */
	agent_unlock(agent);
	expect_error(agent_check_ready(agent, &error), &error, ERROR_CODE_UNAVAILABLE,
		     "the ends of 2 jobs");
	agent_lock(agent);
	agent->unsaved_count -= 2;
	agent_unlock(agent);
	CHECK_INT(agent_check_ready(agent, &error), ==, 0);
	finish();
}

static void submit_until_the_end(_Atomic unsigned int *acknowledged, size_t passes)
{
	begin_here();
	disk_fail_at(DISK_SYNC, SQLITE_IOERR_FSYNC, passes, true);
	for (int i = 0; i < 100; i++)
		if (submit_one() == 0)
			++*acknowledged;
	_exit(0); /* it went on: the parent does not expect that */
}

TEST(agent_ends_when_a_sync_fails)
{
	_Atomic unsigned int *acknowledged =
		mmap(NULL, sizeof *acknowledged, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		     -1, 0);
	CHECK(acknowledged != MAP_FAILED);
	for (size_t passes = 0; passes < 12; passes += 3) {
		int status;
		*acknowledged = 0;
		make_directory();
		pid_t child = fork();
		CHECK(child >= 0);
		if (!child)
			submit_until_the_end(acknowledged, passes);
		CHECK_INT(waitpid(child, &status, 0), ==, child);
		CHECK(WIFEXITED(status));
		CHECK_INT(WEXITSTATUS(status), ==, EXIT_FAILURE);
		CHECK_INT(*acknowledged, <=, passes);
		start_agent_on(open_store(), NULL, 1, 100000);
		agent_lock(agent);
		CHECK_INT(agent->jobs.count, >=, *acknowledged);
		agent_unlock(agent);
		end_agent();
		remove_directory();
	}
	munmap(acknowledged, sizeof *acknowledged);
}

static void fail_each_allocation(bool for_ever)
{
	size_t passes = 0;
	for (bool failed = true; failed && passes < FAULTS_MAX; passes++) {
		size_t before = kept_count;
		heap_fail_at(passes, for_ever);
		one_round(false);
		failed = heap_failed();
		heap_fail_never();
		if (kept_count > before)
			CHECK_INT(cancel_one(kept[before]), ==, 0);
		Pagecast__V1__CancelJobsRequest all = PAGECAST__V1__CANCEL_JOBS_REQUEST__INIT;
		all.all = true;
		Pagecast__V1__CancelJobsResponse *response = NULL;
		struct error error =
			ERROR_NULL; /* those that are there and were not acknowledged */
		if (agent_cancel_jobs(agent, &OPERATOR, &all, &response, NULL, &error))
			test_fail(__FILE__, __LINE__, "%s", error_message(&error));
		pagecast__v1__cancel_jobs_response__free_unpacked(response, NULL);
	}
	printf("%zu allocations\n", passes);
	CHECK_INT(passes, >, 20);
	CHECK_INT(passes, <, FAULTS_MAX);
}

TEST(agent_outlives_each_allocation_that_fails)
{
	if (!heap_watched())
		test_skip("the allocator is not ours here");
	begin();
	fail_each_allocation(false);
	fail_each_allocation(true);
	CHECK_INT(refused_count, >, 0);
	CHECK_INT(kept_count, >, 0);
	check_kept(false);
	finish();
}

TEST_MAIN(CASE(agent_ends_when_a_sync_fails),
	  CASE(agent_acknowledges_nothing_that_the_disk_did_not_take),
	  CASE(agent_with_a_full_disk_cancels_and_stops),
	  CASE(agent_whose_ends_wait_for_the_store_is_not_ready),
	  CASE_APART(agent_outlives_each_allocation_that_fails))
