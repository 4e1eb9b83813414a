/* The order of the queue, positions in it, and the index of all jobs. */
#include "core/job/job_index.h"
#include "core/job/job_queue.h"
#include "lib/test.h"

static struct job *job_named(int number, int32_t priority)
{
	struct job *job = job_new("someone", "");
	CHECK(job);
	snprintf(job->id, sizeof job->id, "01BX5ZZKBKACTAV9WEV%07d", number);
	job->priority = priority;
	return job;
}

TEST(job_queue_takes_by_priority_then_arrival)
{
	static const int32_t PRIORITIES[] = {0, 5, 0, -3, 5, 100, 0, -100};
	static const int EXPECTED[] = {5, 1, 4, 0, 2, 6, 3, 7};
	enum { COUNT = 8 };
	struct job_queue queue = {0};
	struct job *jobs[COUNT];
	CHECK_INT(job_queue_reserve(&queue, COUNT), ==, 0);
	for (int i = COUNT - 1; i >= 0; i--) { /* arrival is in the name, not in the call */
		jobs[i] = job_named(i, PRIORITIES[i]);
		job_queue_add(&queue, jobs[i]);
	}
	for (int i = 0; i < COUNT; i++)
		CHECK_INT(job_queue_position(&queue, jobs[EXPECTED[i]]), ==, i + 1);
	for (int i = 0; i < COUNT; i++) {
		CHECK(job_queue_first(&queue, true) == jobs[EXPECTED[i]]);
		job_queue_remove(&queue, jobs[EXPECTED[i]]);
		CHECK_INT(job_queue_position(&queue, jobs[EXPECTED[i]]), ==, 0);
	}
	CHECK(!job_queue_first(&queue, true));
	for (int i = 0; i < COUNT; i++)
		job_unref(jobs[i]);
	job_queue_deinit(&queue);
}

TEST(job_queue_removing_from_the_middle_keeps_the_order)
{
	enum { COUNT = 1000 };
	struct job_queue queue = {0};
	static struct job *jobs[COUNT];
	CHECK_INT(job_queue_reserve(&queue, COUNT), ==, 0);
	for (int i = 0; i < COUNT; i++) {
		jobs[i] = job_named(i, (i * 7) % 5);
		job_queue_add(&queue, jobs[i]);
	}
	for (int i = 0; i < COUNT; i += 3) {
		job_queue_remove(&queue, jobs[i]);
		job_queue_remove(&queue, jobs[i]); /* twice is harmless */
	}
	const struct job *last = NULL;
	size_t taken = 0;
	for (struct job *job; (job = job_queue_first(&queue, true)); last = job, taken++) {
		CHECK(!last || last->priority > job->priority ||
		      (last->priority == job->priority && strcmp(last->id, job->id) < 0));
		job_queue_remove(&queue, job);
	}
	CHECK_INT(taken, ==, COUNT - (COUNT + 2) / 3);
	for (int i = 0; i < COUNT; i++)
		job_unref(jobs[i]);
	job_queue_deinit(&queue);
}

TEST(job_index_finds_by_name_and_forgets_the_removed)
{
	enum { COUNT = 300 };
	struct job_index index = {0};
	struct job *jobs[COUNT];
	for (int i = 0; i < COUNT; i++) {
		int number = (i * 7) % COUNT; /* commits may come in another order than names */
		jobs[number] = job_named(number, 0);
		CHECK_INT(job_index_reserve(&index, index.count + 1), ==, 0);
		job_index_add(&index, jobs[number]);
	}
	for (int i = 0; i < COUNT; i++)
		CHECK(job_index_find(&index, jobs[i]->id) == jobs[i]);
	CHECK(!job_index_find(&index, "01BX5ZZKBKACTAV9WEVGEMMVRZ"));
	CHECK(!job_index_find(&index, ""));
	for (int i = 0; i < COUNT; i += 2) { /* the head moves, and holes close */
		job_index_remove(&index, jobs[i]);
		job_unref(jobs[i]);
	}
	for (int i = 0; i < COUNT; i++)
		CHECK((job_index_find(&index, jobs[i]->id) == jobs[i]) == (i % 2 == 1));
	CHECK_INT(job_index_below(&index, jobs[1]->id), ==, 0);
	CHECK_INT(job_index_below(&index, jobs[51]->id), ==, 25);
	for (int i = 0; i < COUNT; i++)
		job_unref(jobs[i]);
	job_index_deinit(&index);
}

TEST(job_index_does_not_grow_when_old_jobs_make_room)
{
	struct job_index index = {0};
	struct job *oldest[64] = {0};
	for (int i = 0; i < 20000; i++) {
		struct job *job = job_named(i, 0);
		if (oldest[i % 64]) {
			job_index_remove(&index, oldest[i % 64]);
			job_unref(oldest[i % 64]);
		}
		CHECK_INT(job_index_reserve(&index, index.count + 1), ==, 0);
		job_index_add(&index, job);
		oldest[i % 64] = job;
		job_unref(job);
	}
	CHECK_INT(index.count, ==, 64);
	CHECK_INT(index.capacity, <, 1000);
	job_index_deinit(&index);
}

TEST(job_requests_are_each_owners_own)
{
	static struct job_requests requests;
	struct job *a = job_new("alice", "run-1"), *b = job_new("bob", "run-1");
	job_requests_add(&requests, a);
	CHECK(!job_requests_find(&requests, "bob", "run-1"));
	job_requests_add(&requests, b);
	CHECK(job_requests_find(&requests, "alice", "run-1") == a);
	CHECK(job_requests_find(&requests, "bob", "run-1") == b);
	CHECK(!job_requests_find(&requests, "alice", "run-2"));
	job_requests_remove(&requests, a);
	CHECK(!job_requests_find(&requests, "alice", "run-1"));
	CHECK(job_requests_find(&requests, "bob", "run-1") == b);
	job_unref(a);
	job_unref(b);
}

TEST(job_labels_must_all_match)
{
	Pagecast__V1__Label one = PAGECAST__V1__LABEL__INIT, two = PAGECAST__V1__LABEL__INIT;
	Pagecast__V1__Label *both[] = {&one, &two};
	Pagecast__V1__JobSpec spec = PAGECAST__V1__JOB_SPEC__INIT;
	char lab[] = "lab", seven[] = "7", run[] = "run", empty[] = "";
	one.key = lab;
	one.value = seven;
	two.key = run;
	two.value = empty;
	spec.labels = both;
	spec.n_labels = 2;
	spec.priority = -7;
	struct job *job = job_new("someone", "");
	_cleanup_blob_ struct blob *basic = blob_pack(&spec.base);
	CHECK(!job_has_labels(job, both, 1));
	CHECK_INT(job_set_basic(job, basic), ==, 0);
	CHECK_INT(job->priority, ==, -7);
	CHECK(job_has_labels(job, both, 2));
	CHECK(job_has_labels(job, NULL, 0));
	two.value = seven;
	CHECK(!job_has_labels(job, both, 2));
	CHECK(job_has_labels(job, both, 1));
	one.key = seven; /* a value is no key */
	CHECK(!job_has_labels(job, both, 1));
	job_unref(job);
}

TEST_MAIN(CASE(job_queue_takes_by_priority_then_arrival),
	  CASE(job_queue_removing_from_the_middle_keeps_the_order),
	  CASE(job_index_finds_by_name_and_forgets_the_removed),
	  CASE(job_index_does_not_grow_when_old_jobs_make_room),
	  CASE(job_requests_are_each_owners_own), CASE(job_labels_must_all_match))
