/* Damage in the store: whatever bit of the file is altered, no job is shown, run or repeated
 * otherwise than it was, and the others go on. */
#include "base/util.h"
#include "store/store_sqlite.h"
#include "unit/agent_fixture.h"

#include <sqlite3.h>
#include <sys/stat.h>

enum { JOBS = 50, FLIPS = 200, FLIPS_LONG = 4000 };

static char directory[64], file_name[80];
static char ids[JOBS][JOB_ID_LEN + 1];
static struct {
	uint8_t *bytes;
	size_t len;
} base, shown[JOBS]; /* the database; each job as it was */

/* ---- a store of 50 jobs ---- */
static void open_agent(void)
{
	struct error error = ERROR_NULL;
	struct store *store = NULL;
	if (store_sqlite_new(&store, directory, &error))
		test_fail(__FILE__, __LINE__, "%s", error_message(&error));
	start_agent_on(store, NULL, 1, 100000);
}

static void request_of(int number, char ret_id[static 16])
{
	snprintf(ret_id, 16, "run-%d", number);
}

static void submit_number(int number)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	char request_id[16];
	request_of(number, request_id);
	/* every second one waits for the year 2100, the others end at once */
	const char *spec = spec_text("\"limit\":{\"packets\":2}",
				     number % 2 ? "\"startTime\":\"2100-01-01T00:00:00Z\""
						: "\"labels\":[{\"key\":\"a\",\"value\":\"b\"}]");
	CHECK_INT(try_submit(&OPERATOR, spec, request_id, &job, NULL, &error), ==, 0);
	strcpy(ids[number], job->id);
	drop(job);
	if (number % 2 == 0)
		drop(wait_ended(ids[number]));
	else if (number % 5 == 0)
		drop(cancel(ids[number]));
}

static void keep_shown(int number)
{
	Pagecast__V1__Job *job = get(ids[number]);
	job->revision = 0;
	shown[number].len = pagecast__v1__job__get_packed_size(job);
	shown[number].bytes = malloc(shown[number].len);
	CHECK(shown[number].bytes);
	pagecast__v1__job__pack(job, shown[number].bytes);
	drop(job);
}

static void read_base(void)
{
	struct stat status;
	FILE *file = fopen(file_name, "r");
	CHECK(file && fstat(fileno(file), &status) == 0);
	base.len = (size_t)status.st_size;
	base.bytes = malloc(base.len);
	CHECK(base.bytes && fread(base.bytes, 1, base.len, file) == base.len);
	fclose(file);
}

static void make_store(void)
{
	strcpy(directory, "/tmp/test_damage.XXXXXX");
	CHECK(mkdtemp(directory));
	snprintf(file_name, sizeof file_name, "%s/jobs.db", directory);
	open_receiver();
	open_agent();
	for (int i = 0; i < JOBS; i++)
		submit_number(i);
	for (int i = 0; i < JOBS; i++)
		keep_shown(i);
	end_agent();
	read_base();
	log_configure(LOG_LEVEL_ERROR + 1, LOG_FORMAT_KV); /* the damage is ours */
}

static void write_file(const uint8_t *bytes, size_t len)
{
	FILE *file = fopen(file_name, "w");
	CHECK(file && fwrite(bytes, 1, len, file) == len);
	fclose(file);
}

static void remove_file(const char *name)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", directory, name);
	unlink(path);
}

static void remove_store(void)
{
	static const char *const FILES[] = {"jobs.db", "jobs.db-wal", "jobs.db-shm", "lock",
					    "reserve"};
	for (size_t i = 0; i < ARRAY_SIZE(FILES); i++)
		remove_file(FILES[i]);
	CHECK_INT(rmdir(directory), ==, 0);
	for (int i = 0; i < JOBS; i++)
		free(shown[i].bytes);
	free(base.bytes);
	close_receiver();
}

/* Return: false: the agent refuses to start, and says why */
static bool start_damaged(void)
{
	struct error error = ERROR_NULL;
	struct store *store = NULL;
	struct agent_options options = {.name = "lab",
					.version = "1.2.3",
					.parse_policy = policy_json_parse,
					.workers = 1,
					.open = true,
					.history_max_jobs = 5};
	remove_file("jobs.db-wal");
	remove_file("jobs.db-shm");
	int r = store_sqlite_new(&store, directory, &error);
	if (!r)
		r = agent_new_on(&agent, &options, store, &error);
	if (r)
		CHECK(error_message(&error)[0]);
	error_deinit(&error);
	return !r;
}

/* ---- what is right of each job ---- */
enum found { AS_IT_WAS, SHOWN_DAMAGED, GONE };

static enum found look_at(int number)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__GetJobRequest request = PAGECAST__V1__GET_JOB_REQUEST__INIT;
	Pagecast__V1__Job *job = NULL;
	request.id = ids[number];
	int r = agent_get_job(agent, &VIEWER, &request, &job, &error);
	error_deinit(&error);
	if (r == ERROR_CODE_NOT_FOUND)
		return GONE;
	CHECK_INT(r, ==, 0);
	job->revision = 0;
	enum found found = SHOWN_DAMAGED;
	size_t len = pagecast__v1__job__get_packed_size(job);
	if (len == shown[number].len) {
		uint8_t *bytes = malloc(len);
		CHECK(bytes);
		pagecast__v1__job__pack(job, bytes);
		found = memcmp(bytes, shown[number].bytes, len) ? SHOWN_DAMAGED : AS_IT_WAS;
		free(bytes);
	}
	if (found == SHOWN_DAMAGED) {
		CHECK_INT(job->state, ==, STATE(FAILED));
		CHECK(has_problem(job, "damaged", "damaged"));
		CHECK(!job->spec && !job->account && !job->report);
	}
	drop(job);
	return found;
}

static bool is_ours(const char *id)
{
	for (int i = 0; i < JOBS; i++)
		if (!strcmp(ids[i], id))
			return true;
	return false;
}

/* The list answers, and what is in it under a name that was never given is damaged. */
static void check_list(void)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__ListJobsRequest list = PAGECAST__V1__LIST_JOBS_REQUEST__INIT;
	Pagecast__V1__ListJobsResponse *response = NULL;
	list.page_size = 1000;
	if (agent_list_jobs(agent, &VIEWER, &list, &response, &error))
		test_fail(__FILE__, __LINE__, "%s", error_message(&error));
	for (size_t i = 0; i < response->n_jobs; i++)
		CHECK(is_ours(response->jobs[i]->id) ||
		      has_problem(response->jobs[i], "damaged", ""));
	pagecast__v1__list_jobs_response__free_unpacked(response, NULL);
}

/* Return: jobs that were found not to be as they were; each was said */
static size_t check_all(void)
{
	char warning[AGENT_WARNING_BYTES];
	size_t counts[3] = {0};
	for (int i = 0; i < JOBS; i++)
		counts[look_at(i)]++;
	check_list();
	if (counts[SHOWN_DAMAGED] || counts[GONE])
		CHECK(agent_warning(agent, warning));
	return counts[SHOWN_DAMAGED] + counts[GONE];
}

TEST(agent_serves_no_job_that_a_flipped_bit_altered)
{
	uint64_t seed = (uint64_t)clock_realtime_ns(clock_real());
	size_t flips = getenv("PAGECAST_LONG") ? FLIPS_LONG : FLIPS;
	size_t refused = 0, found = 0;
	make_store();
	printf("seed %" PRIu64 ", %zu bytes\n", seed, base.len);
	for (size_t flip = 0; flip < flips; flip++) {
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		size_t bit = (size_t)(seed >> 16) % (base.len * 8);
		printf("bit %zu\n", bit);
		fflush(stdout);
		base.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		write_file(base.bytes, base.len);
		base.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (!start_damaged()) {
			refused++;
			continue;
		}
		found += check_all();
		agent = agent_free(agent);
	}
	printf("%zu starts refused, %zu jobs found damaged\n", refused, found);
	CHECK_INT(found, >, flips / 20); /* so flips do meet rows */
	CHECK_INT(refused, <, flips / 4);
	remove_store();
}

/* ---- one kind at a time ---- */
static void alter(const char *sql)
{
	sqlite3 *connection;
	write_file(base.bytes, base.len);
	CHECK_INT(sqlite3_open(file_name, &connection), ==, SQLITE_OK);
	if (sqlite3_exec(connection, sql, NULL, NULL, NULL) != SQLITE_OK)
		test_fail(__FILE__, __LINE__, "%s: %s", sql, sqlite3_errmsg(connection));
	CHECK_INT(sqlite3_changes(connection), ==, 1);
	CHECK_INT(sqlite3_close(connection), ==, SQLITE_OK);
}

TEST(agent_finds_every_column_that_is_altered)
{
	static const char *const COLUMNS[] = {
		"state = 1",
		"state = 4",
		"state = 999",
		"version = 77",
		"revision = revision + 1",
		"create_ns = create_ns + 1",
		"end_ns = end_ns + 1",
		"owner = 'local '",
		"request_id = 'run-other'",
		"basic = CAST(basic || x'00' AS BLOB)",
		"record = substr(record, 2)",
		"spec_digest = zeroblob(32)",
		"seal = zeroblob(16)",
		"identity_seal = zeroblob(16)",
	};
	make_store();
	for (size_t i = 0; i < ARRAY_SIZE(COLUMNS); i++)
		for (int number = 0; number < 6; number += 5) { /* ended; one that was cancelled */
			char sql[2048];
			snprintf(sql, sizeof sql, "UPDATE jobs SET %s WHERE id = '%s'", COLUMNS[i],
				 ids[number]);
			alter(sql);
			CHECK(start_damaged());
			CHECK_INT(look_at(number), ==, SHOWN_DAMAGED);
			CHECK_INT(check_all(), ==, 1);
			agent = agent_free(agent);
		}
	remove_store();
}

static int remove_job(const struct agent_caller *caller, const char *id)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__DeleteJobRequest request = PAGECAST__V1__DELETE_JOB_REQUEST__INIT;
	Pagecast__V1__DeleteJobResponse *response = NULL;
	request.id = (char *)id;
	int r = agent_delete_job(agent, caller, &request, &response, &error);
	if (!r)
		pagecast__v1__delete_job_response__free_unpacked(response, NULL);
	error_deinit(&error);
	return r;
}

/* One that waited does not run; its request finds it again; nothing cuts it off; DELETE does. */
TEST(agent_does_not_run_a_damaged_job_and_deletes_it_when_told)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	char sql[2048], request_id[16];
	bool created = true;
	make_store();
	/* as if its time had come: only its spec says that it is the year 2100 */
	snprintf(sql, sizeof sql, "UPDATE specs SET spec = substr(spec, 3) WHERE id = '%s'",
		 ids[1]);
	alter(sql);
	CHECK(start_damaged());
	CHECK_INT(look_at(1), ==, SHOWN_DAMAGED);
	CHECK_INT(check_all(), ==, 1);
	CHECK_INT(agent_start(agent, &error), ==, 0);
	request_of(1, request_id);
	CHECK_INT(try_submit(&OPERATOR,
			     spec_text("\"limit\":{\"packets\":2}",
				       "\"startTime\":\"2100-01-01T00:00:00Z\""),
			     request_id, &job, &created, &error),
		  ==, 0);
	CHECK(!created);
	CHECK_STR(job->id, ids[1]);
	CHECK(has_problem(job, "damaged", ""));
	drop(job);
	drop(wait_ended(submit("\"limit\":{\"packets\":1}", ""))); /* the others go on */
	CHECK_INT(look_at(1), ==, SHOWN_DAMAGED);		   /* the others were cut off */
	CHECK_INT(remove_job(&OTHER, ids[1]), ==, ERROR_CODE_PERMISSION_DENIED);
	CHECK_INT(remove_job(&OPERATOR, ids[1]), ==, 0);
	CHECK_INT(look_at(1), ==, GONE);
	end_agent();
	CHECK(start_damaged());
	CHECK_INT(look_at(1), ==, GONE);
	agent = agent_free(agent);
	remove_store();
}

static int submit_again(int number, const char *request_id, char ret_id[static JOB_ID_LEN + 1])
{
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	bool created = false;
	const char *spec = spec_text("\"limit\":{\"packets\":2}",
				     number % 2 ? "\"startTime\":\"2100-01-01T00:00:00Z\""
						: "\"labels\":[{\"key\":\"a\",\"value\":\"b\"}]");
	int r = try_submit(&OPERATOR, spec, request_id, &job, &created, &error);
	if (r)
		test_fail(__FILE__, __LINE__, "%s", error_message(&error));
	strcpy(ret_id, job->id);
	drop(job);
	return created;
}

/* Whatever column of its row is altered, a request that comes again finds its job. */
TEST(agent_takes_no_request_twice_because_its_row_is_damaged)
{
	static const char *const COLUMNS[] = {
		"owner = 'locbl'",
		"request_id = 'run-9'",
		"spec_digest = zeroblob(32)",
		"create_ns = create_ns + 1",
		"state = 1",
		"record = substr(record, 2)",
	};
	struct error error = ERROR_NULL;
	char sql[2048], request_id[16], id[JOB_ID_LEN + 1];
	make_store();
	for (size_t i = 0; i < ARRAY_SIZE(COLUMNS); i++) {
		if (strstr(COLUMNS[i], "request_id")) /* nobody else may have it */
			snprintf(sql, sizeof sql,
				 "UPDATE jobs SET request_id = 'run-!' WHERE id = '%s'", ids[2]);
		else
			snprintf(sql, sizeof sql, "UPDATE jobs SET %s WHERE id = '%s'", COLUMNS[i],
				 ids[2]);
		alter(sql);
		CHECK(start_damaged());
		CHECK_INT(agent_start(agent, &error), ==, 0);
		request_of(2, request_id);
		CHECK(!submit_again(2, request_id, id));
		CHECK_STR(id, ids[2]);
		CHECK(submit_again(2, "another", id)); /* it takes nothing else for it */
		end_agent();
	}
	remove_store();
}

/* ---- the log ---- */
static struct {
	uint8_t *bytes;
	size_t len;
} files[3]; /* as a kill leaves them: database, log, index */
static const char *const FILE_NAMES[3] = {"jobs.db", "jobs.db-wal", "jobs.db-shm"};

static void read_files(void)
{
	for (size_t i = 0; i < 3; i++) {
		char path[128];
		struct stat status;
		snprintf(path, sizeof path, "%s/%s", directory, FILE_NAMES[i]);
		FILE *file = fopen(path, "r");
		CHECK(file && fstat(fileno(file), &status) == 0);
		files[i].len = (size_t)status.st_size;
		files[i].bytes = malloc(files[i].len + 1);
		CHECK(files[i].bytes &&
		      fread(files[i].bytes, 1, files[i].len, file) == files[i].len);
		fclose(file);
	}
}

static void write_files(bool with_index)
{
	for (size_t i = 0; i < 3; i++) {
		char path[128];
		snprintf(path, sizeof path, "%s/%s", directory, FILE_NAMES[i]);
		unlink(path);
		FILE *file = i < 2 || with_index ? fopen(path, "w") : NULL;
		if (!file)
			continue;
		CHECK(fwrite(files[i].bytes, 1, files[i].len, file) == files[i].len);
		fclose(file);
	}
}

static bool start_killed(void)
{
	struct error error = ERROR_NULL;
	struct store *store = NULL;
	struct agent_options options = {.name = "lab",
					.version = "1.2.3",
					.parse_policy = policy_json_parse,
					.workers = 1,
					.open = true,
					.history_max_jobs = 100000};
	int r = store_sqlite_new(&store, directory, &error);
	if (!r)
		r = agent_new_on(&agent, &options, store, &error);
	if (r)
		CHECK(error_message(&error)[0]);
	error_deinit(&error);
	return !r;
}

/* As it was, or said; and what would wait is not run where a change may be lost. */
static void check_rolled_back(void)
{
	char warning[AGENT_WARNING_BYTES];
	size_t other = 0;
	for (int i = 0; i < JOBS; i++) {
		struct error error = ERROR_NULL;
		Pagecast__V1__GetJobRequest request = PAGECAST__V1__GET_JOB_REQUEST__INIT;
		Pagecast__V1__Job *job = NULL;
		request.id = ids[i];
		if (agent_get_job(agent, &VIEWER, &request, &job, &error)) {
			other++;
			error_deinit(&error);
			continue;
		}
		job->revision = 0;
		uint8_t *bytes = malloc(pagecast__v1__job__get_packed_size(job) + 1);
		CHECK(bytes);
		size_t len = pagecast__v1__job__pack(job, bytes);
		other += len != shown[i].len || memcmp(bytes, shown[i].bytes, len) != 0;
		free(bytes);
		if (agent_warning(agent, warning))
			CHECK(job_state_ended(job->state));
		drop(job);
	}
	if (other)
		CHECK(agent_warning(agent, warning));
}

static void flip_log(bool with_index, uint64_t *seed, size_t flips)
{
	size_t warned = 0;
	char warning[AGENT_WARNING_BYTES];
	for (size_t flip = 0; flip < flips; flip++) {
		*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		size_t bit = (size_t)(*seed >> 16) % (files[1].len * 8);
		/* without the index the very last commit looks like one that a crash cut off */
		if (!with_index && bit / 8 > files[1].len / 2)
			bit %= files[1].len / 2 * 8;
		printf("log bit %zu\n", bit);
		fflush(stdout);
		files[1].bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		write_files(with_index);
		files[1].bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (!start_killed())
			continue;
		check_rolled_back();
		warned += agent_warning(agent, warning);
		agent = agent_free(agent);
	}
	CHECK_INT(warned, >, flips / 4);
}

TEST(agent_says_that_its_log_lost_commits)
{
	uint64_t seed = (uint64_t)clock_realtime_ns(clock_real());
	size_t flips = getenv("PAGECAST_LONG") ? 1000 : 60;
	strcpy(directory, "/tmp/test_damage.XXXXXX");
	CHECK(mkdtemp(directory));
	snprintf(file_name, sizeof file_name, "%s/jobs.db", directory);
	open_receiver();
	open_agent();
	for (int i = 0; i < JOBS; i++)
		submit_number(i);
	for (int i = 0; i < JOBS; i++)
		keep_shown(i);
	read_files(); /* as kill -9 leaves them */
	end_agent();
	log_configure(LOG_LEVEL_ERROR + 1, LOG_FORMAT_KV);
	printf("seed %" PRIu64 ", a log of %zu bytes\n", seed, files[1].len);
	write_files(true);
	CHECK(start_killed());
	char warning[AGENT_WARNING_BYTES];
	CHECK(!agent_warning(agent, warning)); /* a kill alone is no damage */
	check_rolled_back();
	agent = agent_free(agent);
	flip_log(true, &seed, flips);
	flip_log(false, &seed, flips);
	/* a log that a crash cut off is no damage either */
	size_t whole = files[1].len;
	files[1].len -= 2000;
	write_files(false);
	CHECK(start_killed());
	CHECK(!agent_warning(agent, warning));
	agent = agent_free(agent);
	files[1].len = whole;
	for (size_t i = 0; i < 3; i++)
		free(files[i].bytes);
	base.bytes = NULL;
	remove_file("jobs.db-wal.damaged");
	remove_store();
}

/* Pages of 0xff: their rows are lost and counted, the rest is there. */
TEST(agent_goes_on_without_the_pages_that_cannot_be_read)
{
	enum { PAGE = 4096 };
	size_t started = 0, gone = 0, whole = 0;
	uint8_t *bytes;
	make_store();
	bytes = malloc(base.len);
	CHECK(bytes);
	for (size_t page = 1; page < base.len / PAGE; page++) {
		memcpy(bytes, base.bytes, base.len);
		memset(bytes + page * PAGE, 0xff, PAGE);
		write_file(bytes, base.len);
		if (!start_damaged())
			continue;
		started++;
		size_t found = check_all();
		CHECK_INT(agent->store->lost + agent->damaged_count, >=, found); /* each is said */
		whole += JOBS - found;
		gone += agent->store->lost;
		agent = agent_free(agent);
	}
	printf("%zu of %zu pages, %zu rows lost\n", started, base.len / PAGE - 1, gone);
	CHECK_INT(started, >, base.len / PAGE / 2);
	CHECK_INT(gone, >, 0);
	CHECK_INT(whole, >, started * JOBS / 2); /* most pages have the rows of a few */
	free(bytes);
	remove_store();
}

TEST(agent_warns_of_a_database_that_was_emptied)
{
	char warning[AGENT_WARNING_BYTES];
	make_store();
	write_file(base.bytes, 0);
	CHECK(start_damaged());
	CHECK(agent_warning(agent, warning));
	CHECK_HAS(warning, "was empty or missing");
	agent = agent_free(agent);
	CHECK(start_damaged()); /* said once */
	CHECK(!agent_warning(agent, warning));
	agent = agent_free(agent);
	unlink(file_name);
	CHECK(start_damaged());
	CHECK(agent_warning(agent, warning));
	agent = agent_free(agent);
	remove_store();
	strcpy(directory, "/tmp/test_damage.XXXXXX"); /* a folder that never had one */
	CHECK(mkdtemp(directory));
	snprintf(file_name, sizeof file_name, "%s/jobs.db", directory);
	CHECK(start_damaged());
	CHECK(!agent_warning(agent, warning));
	agent = agent_free(agent);
	memset(shown, 0, sizeof shown);
	base.bytes = NULL;
	open_receiver();
	remove_store();
}

TEST_MAIN(CASE(agent_serves_no_job_that_a_flipped_bit_altered),
	  CASE(agent_finds_every_column_that_is_altered),
	  CASE(agent_does_not_run_a_damaged_job_and_deletes_it_when_told),
	  CASE(agent_takes_no_request_twice_because_its_row_is_damaged),
	  CASE(agent_says_that_its_log_lost_commits),
	  CASE(agent_goes_on_without_the_pages_that_cannot_be_read),
	  CASE(agent_warns_of_a_database_that_was_emptied))
