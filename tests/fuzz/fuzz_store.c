/*
 * The stored database: whatever rows jobs.db holds and whichever of its bytes are damaged, an agent
 * that starts on it either says what is wrong, or has jobs that can be listed and read.
 *
 * Input: so many rows, each the columns that put_row() takes one after the other, texts and blobs
 * behind their length; what is left are bytes to overwrite: two of place, one of value.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "core/job/job_fsm.h"
#include "core/state/agent_private.h"
#include "fuzz/fuzz.h"
#include "store/database.h"
#include "store/store_sqlite.h"
#include "store/store_sqlite_rows.h"

enum { ROWS_MAX = 4, DAMAGES_MAX = 64 };

static char folder[64], file[80];
static const struct agent_caller CALLER = {"local", AGENT_ROLE_ADMIN, "fuzz"};

struct input {
	const uint8_t *at;
	size_t left;
};

static uint64_t take(struct input *input, size_t bytes)
{
	uint64_t value = 0;
	for (; bytes && input->left; bytes--, input->left--)
		value = value << 8 | *input->at++;
	return value;
}

static struct input take_bytes(struct input *input, size_t len_bytes)
{
	struct input part = {input->at, take(input, len_bytes)};
	part.at = input->at;
	part.left = part.left < input->left ? part.left : input->left;
	input->at += part.left;
	input->left -= part.left;
	return part;
}

static void clean_up(void)
{
	static const char *const NAMES[] = {"jobs.db", "jobs.db-wal", "jobs.db-shm", "lock",
					    "reserve"};
	for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
		snprintf(file, sizeof file, "%s/%s", folder, NAMES[i]);
		unlink(file);
	}
	rmdir(folder);
}

/* A folder of this process, in memory where there is such a place. */
static void make_folder(void)
{
	if (folder[0])
		return;
	strcpy(folder, access("/dev/shm", W_OK) ? "/tmp/pagecast-fuzz-XXXXXX"
						: "/dev/shm/pagecast-fuzz-XXXXXX");
	FUZZ_CHECK(mkdtemp(folder));
	atexit(clean_up);
	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_KV);
}

static void bind_text(sqlite3_stmt *row, int index, struct input *input)
{
	struct input text = take_bytes(input, 1);
	sqlite3_bind_text(row, index, (const char *)text.at, (int)text.left, SQLITE_STATIC);
}

static void bind_blob(sqlite3_stmt *row, int index, struct input *input, size_t len_bytes)
{
	struct input blob = take_bytes(input, len_bytes);
	sqlite3_bind_blob(row, index, blob.left ? (const void *)blob.at : "", (int)blob.left,
			  SQLITE_STATIC);
}

static void put_row(sqlite3 *database, struct input *input)
{
	sqlite3_stmt *row = NULL, *spec = NULL;
	FUZZ_CHECK(database_prepare(database,
				    "INSERT OR IGNORE INTO jobs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7,"
				    " ?8, ?9, ?10, ?11, row_seal(?1, ?5, ?7, ?8, ?9),"
				    " row_seal(?1, ?2, ?3, ?4, ?6, ?10, ?11))",
				    &row) == SQLITE_OK);
	FUZZ_CHECK(database_prepare(database,
				    "INSERT OR IGNORE INTO specs VALUES (?1, ?2, row_seal(?1, ?2))",
				    &spec) == SQLITE_OK);
	struct input id = *input;
	bind_text(row, 1, input);
	bind_text(spec, 1, &id);
	sqlite3_bind_int64(row, 2, (int8_t)take(input, 1));
	for (int column = 3; column <= 6; column++)
		sqlite3_bind_int64(row, column, (int64_t)take(input, 8));
	bind_text(row, 7, input);
	bind_text(row, 8, input);
	bind_blob(row, 9, input, 1);
	bind_blob(row, 10, input, 2);
	bind_blob(row, 11, input, 2);
	store_sqlite_run(row);
	bool with_spec = take(input, 1) & 1;
	bind_blob(spec, 2, input, 2);
	if (with_spec)
		store_sqlite_run(spec);
	sqlite3_finalize(row);
	sqlite3_finalize(spec);
}

static void make_database(struct input *input)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	sqlite3 *database = NULL;
	snprintf(file, sizeof file, "%s/jobs.db-wal", folder);
	unlink(file);
	snprintf(file, sizeof file, "%s/jobs.db", folder);
	unlink(file);
	FUZZ_CHECK(database_open(&database, file, &STORE_SQLITE_SCHEMA, &error) == 0);
	FUZZ_CHECK(sqlite3_exec(database, "BEGIN", NULL, NULL, NULL) == SQLITE_OK);
	for (uint64_t rows = take(input, 1) % (ROWS_MAX + 1); rows; rows--)
		put_row(database, input);
	FUZZ_CHECK(sqlite3_exec(database, "COMMIT", NULL, NULL, NULL) == SQLITE_OK);
	database_close(database); /* the last one: all is in the file now */
}

static void damage(struct input *input)
{
	struct stat status;
	int fd = open(file, O_WRONLY | O_CLOEXEC);
	FUZZ_CHECK(fd >= 0 && fstat(fd, &status) == 0);
	for (int i = 0; i < DAMAGES_MAX && input->left >= 3; i++) {
		off_t place = (off_t)take(input, 2) % status.st_size;
		uint8_t value = (uint8_t)take(input, 1);
		FUZZ_CHECK(pwrite(fd, &value, 1, place) == 1);
	}
	close(fd);
}

static void read_job(struct agent *agent, char *id)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	Pagecast__V1__GetJobRequest request = PAGECAST__V1__GET_JOB_REQUEST__INIT;
	Pagecast__V1__Job *job = NULL;
	request.id = id;
	if (agent_get_job(agent, &CALLER, &request, &job, &error)) {
		FUZZ_CHECK(error_message(&error)[0]);
		return;
	}
	FUZZ_CHECK(strcmp(job->id, id) == 0);
	FUZZ_CHECK(protobuf_c_enum_descriptor_get_value(&pagecast__v1__job_state__descriptor,
							(int)job->state));
	pagecast__v1__job__free_unpacked(job, NULL);
}

static void read_all(struct agent *agent)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	Pagecast__V1__ListJobsRequest request = PAGECAST__V1__LIST_JOBS_REQUEST__INIT;
	Pagecast__V1__ListJobsResponse *response = NULL;
	if (agent_list_jobs(agent, &CALLER, &request, &response, &error)) {
		FUZZ_CHECK(error_message(&error)[0]);
		return;
	}
	FUZZ_CHECK(response->n_jobs <= ROWS_MAX);
	for (size_t i = 0; i < response->n_jobs; i++)
		read_job(agent, response->jobs[i]->id);
	pagecast__v1__list_jobs_response__free_unpacked(response, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct input input = {data, size};
	struct agent_options options = {
		.name = "fuzz", .version = "0", .state_dir = folder, .workers = 1};
	struct agent *agent = NULL;
	make_folder();
	make_database(&input);
	damage(&input);
	if (agent_new(&agent, &options, &error)) {
		FUZZ_CHECK(error_message(&error)[0]);
		return 0;
	}
	read_all(agent);
	agent_free(agent);
	return 0;
}
