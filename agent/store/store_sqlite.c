/*
 * store_sqlite: see store_sqlite.h.
 *
 * Writes stand in one queue; the writer thread takes what is there (up to STORE_SQLITE_GROUP_MAX),
 * commits it in one transaction and only then answers all of it. It does not wait for more: while
 * the disk is busy with one group the next one gathers, and a lone caller is not held up. If a
 * group fails, each of its writes is tried alone, so that one bad row does not refuse its
 * neighbours. The end of a job may use the reserve of the disk (store_reserve), which no other
 * write may; and nothing is written into files that a restart would not find (store_folder). After
 * a failed fsync the contents of the disk are unknown: the process ends at once, and with it all
 * sending. Reads go through a connection of their own under their own lock; they see what is
 * committed. A write that nobody waits for is one a job at most: a newer one takes its place. So
 * the queue is bounded by the callers that wait (the API's threads) and the jobs that run.
 */
#include "store/store_sqlite.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"
#include "pagecast/watchdog.h"
#include "store/job_state.h"
#include "store/store_folder.h"
#include "store/store_load.h"
#include "store/store_reserve.h"
#include "store/store_sqlite_rows.h"
#include "store/store_wal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

enum write_kind { WRITE_CREATE, WRITE_UPDATE, WRITE_REMOVE, WRITE_TOUCH };

struct write {
	TAILQ_ENTRY(write) link;
	enum write_kind kind;
	struct store_job job; /* blobs are referenced; other pointers are the waiting caller's */
	bool waited;	      /* the caller waits and owns the struct; else it is the store's */
	int code;	      /* SQLite's */
	sem_t done; /* where `waited`: from its post on the struct is the caller's again */
};
TAILQ_HEAD(write_list, write);

struct store_sqlite {
	struct store store;
	int lock_fd; /* flock: this agent's directory */
	struct store_folder folder;
	struct store_reserve reserve; /* the writer's */

	pthread_mutex_t lock;  /* of the queue */
	pthread_cond_t filled; /* to the writer */
	struct write_list queue;
	size_t queued;
	bool stopping;
	pthread_t thread;
	struct store_sqlite_writer writer; /* the thread's, once it runs */
	_Atomic bool failing; /* the last write was not stored; writer: the thread, readers: any;
				 relaxed */

	pthread_mutex_t read_lock;
	struct store_sqlite_reader reader;
};

static struct store_sqlite *sqlite_of(struct store *store)
{
	return container_of(store, struct store_sqlite, store);
}

/* ---- the writer's thread ---- */

static int apply(struct store_sqlite *sqlite, const struct write *write)
{
	switch (write->kind) {
	case WRITE_CREATE: return store_sqlite_create(&sqlite->writer, &write->job);
	case WRITE_UPDATE: return store_sqlite_update(&sqlite->writer, &write->job);
	case WRITE_REMOVE: return store_sqlite_remove(&sqlite->writer, write->job.id);
	case WRITE_TOUCH: return store_sqlite_run(sqlite->writer.touch);
	}
	return SQLITE_MISUSE;
}

static void end_if_fatal(int code)
{
	if (!database_fault_is_fatal(code))
		return;
	log_event(LOG_LEVEL_ERROR, "store_fsync_failed", "error", database_fault(code), "next",
		  "the agent ends, because the contents of the disk are unknown", NULL);
	_exit(EXIT_FAILURE);
}

/* One transaction for all of [first .. end). */
static int commit_range(struct store_sqlite *sqlite, struct write *first, const struct write *end)
{
	int r = store_sqlite_run(sqlite->writer.begin);
	for (const struct write *write = first; write != end && r == SQLITE_OK;
	     write = TAILQ_NEXT(write, link))
		r = apply(sqlite, write);
	if (r == SQLITE_OK)
		r = store_sqlite_run(sqlite->writer.commit);
	if (r == SQLITE_OK) {
		atomic_fetch_add_explicit(&sqlite->store.commits, 1, memory_order_relaxed);
		return r;
	}
	end_if_fatal(r);
	if (!sqlite3_get_autocommit(sqlite->writer.connection))
		store_sqlite_run(sqlite->writer.rollback);
	return r;
}

static void note_failing(struct store_sqlite *sqlite, int code)
{
	bool failing = atomic_load_explicit(&sqlite->failing, memory_order_relaxed);
	if (code != SQLITE_OK && !failing)
		log_event(LOG_LEVEL_ERROR, "store_write_failed", "error", database_fault(code),
			  "next", "new jobs are refused until a write succeeds", NULL);
	else if (code == SQLITE_OK && failing)
		log_event(LOG_LEVEL_INFO, "store_write_recovered", NULL);
	atomic_store_explicit(&sqlite->failing, code != SQLITE_OK, memory_order_relaxed);
}

/* What must not come undone, and makes room rather than taking it. */
static bool may_use_reserve(const struct write *write)
{
	return write->kind == WRITE_REMOVE ||
	       (write->kind == WRITE_UPDATE && job_state_ended(write->job.state));
}

/* Room for an end on a full disk. The checkpoint comes before the retry: with the reserve's blocks
 * the database can grow, and the log begins anew in those that it has. */
static void make_room(struct store_sqlite *sqlite)
{
	if (store_reserve_spend(&sqlite->reserve))
		log_event(LOG_LEVEL_WARN, "store_reserve_spent", "bytes",
			  log_u64((uint64_t)sqlite->reserve.bytes), "next",
			  "only ends of jobs are stored until the disk has room again", NULL);
	sqlite3_wal_checkpoint_v2(sqlite->writer.connection, NULL, SQLITE_CHECKPOINT_RESTART, NULL,
				  NULL);
}

static int commit_alone(struct store_sqlite *sqlite, struct write *write, bool reserve_only)
{
	const struct write *end = TAILQ_NEXT(write, link);
	if (reserve_only && !may_use_reserve(write))
		return SQLITE_FULL;
	int r = commit_range(sqlite, write, end);
	if (!database_fault_is_full(r) || !may_use_reserve(write))
		return r;
	make_room(sqlite);
	return commit_range(sqlite, write, end);
}

static void commit_group(struct store_sqlite *sqlite, struct write_list *group)
{
	struct write *write;
	bool lost = !store_folder_check(&sqlite->folder);
	bool reserve_only = !lost && !store_reserve_refill(&sqlite->reserve);
	int r = lost ? SQLITE_READONLY_DBMOVED : SQLITE_FULL;
	if (!lost && !reserve_only)
		r = commit_range(sqlite, TAILQ_FIRST(group), NULL);
	TAILQ_FOREACH(write, group, link)
	write->code = r == SQLITE_OK || lost ? r : commit_alone(sqlite, write, reserve_only);
	TAILQ_FOREACH(write, group, link)
	if ((write->code & 0xff) != SQLITE_CONSTRAINT) /* the row's fault, not the store's */
		note_failing(sqlite, write->code);
}

static struct write *write_free(struct write *write)
{
	blob_unref(write->job.spec);
	blob_unref(write->job.basic);
	blob_unref(write->job.record);
	free(write);
	return NULL;
}

static void take_group(struct store_sqlite *sqlite, struct write_list *group)
{
	TAILQ_INIT(group);
	for (size_t n = 0; n < STORE_SQLITE_GROUP_MAX && !TAILQ_EMPTY(&sqlite->queue); n++) {
		struct write *write = TAILQ_FIRST(&sqlite->queue);
		TAILQ_REMOVE(&sqlite->queue, write, link);
		TAILQ_INSERT_TAIL(group, write, link);
		sqlite->queued--;
	}
}

/* Each caller is woken on its own: those whose writes still wait sleep on. */
static void answer_group(struct write_list *group)
{
	struct write *write;
	while ((write = TAILQ_FIRST(group))) {
		TAILQ_REMOVE(group, write, link);
		if (write->waited)
			sem_post(&write->done);
		else
			write_free(write);
	}
}

static void *writer_main(void *context)
{
	struct store_sqlite *sqlite = context;
	struct write_list group;
	pthread_mutex_lock(&sqlite->lock);
	for (;;) {
		while (!sqlite->queued && !sqlite->stopping)
			pthread_cond_wait(&sqlite->filled, &sqlite->lock);
		if (!sqlite->queued)
			break;
		take_group(sqlite, &group);
		watchdog_busy(clock_monotonic_ns(clock_real()));
		pthread_mutex_unlock(&sqlite->lock);
		commit_group(sqlite, &group);
		answer_group(&group);
		pthread_mutex_lock(&sqlite->lock);
		watchdog_rest();
	}
	pthread_mutex_unlock(&sqlite->lock);
	return NULL;
}

/* ---- callers ---- */

static int refused(int code, struct error *ret_error)
{
	if (code == SQLITE_OK)
		return 0;
	return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "cannot write to store: %s",
			 database_fault(code));
}

static int write_and_wait(struct store_sqlite *sqlite, enum write_kind kind,
			  const struct store_job *job, struct error *ret_error)
{
	struct write write = {.kind = kind, .waited = true};
	if (job)
		write.job = *job;
	sem_init(&write.done, 0, 0);
	pthread_mutex_lock(&sqlite->lock);
	TAILQ_INSERT_TAIL(&sqlite->queue, &write, link);
	if (sqlite->queued++ == 0)
		pthread_cond_signal(&sqlite->filled);
	pthread_mutex_unlock(&sqlite->lock);
	while (sem_wait(&write.done) < 0) /* EINTR */
		;
	sem_destroy(&write.done);
	return refused(write.code, ret_error);
}

static int sqlite_create(struct store *store, const struct store_job *job, struct error *ret_error)
{
	return write_and_wait(sqlite_of(store), WRITE_CREATE, job, ret_error);
}

static void replace(struct blob **blob, struct blob *with)
{
	if (!with)
		return;
	blob_unref(*blob);
	*blob = blob_ref(with);
}

/* Put a newer row in the place of one that nobody waits for. Under the lock. */
static bool merged(struct store_sqlite *sqlite, const struct store_job *job)
{
	struct write *write;
	TAILQ_FOREACH(write, &sqlite->queue, link)
	{
		if (write->waited || write->kind != WRITE_UPDATE ||
		    strcmp(write->job.id, job->id) != 0)
			continue;
		if (job->version < write->job.version)
			return true;
		struct store_job *kept = &write->job;
		kept->state = job->state;
		kept->version = job->version;
		kept->revision = job->revision;
		kept->end_ns = job->end_ns;
		replace(&kept->spec, job->spec);
		replace(&kept->basic, job->basic);
		replace(&kept->record, job->record);
		return true;
	}
	return false;
}

static int write_and_go(struct store_sqlite *sqlite, enum write_kind kind,
			const struct store_job *job, struct error *ret_error)
{
	struct write *write = calloc(1, sizeof *write);
	if (!write)
		return refused(SQLITE_NOMEM, ret_error);
	write->kind = kind;
	write->job = *job;
	write->job.owner = write->job.request_id =
		NULL; /* the caller's; an update does not need them */
	write->job.spec_digest = NULL;
	write->job.spec = blob_ref(job->spec);
	write->job.basic = blob_ref(job->basic);
	write->job.record = blob_ref(job->record);
	pthread_mutex_lock(&sqlite->lock);
	bool merge = kind == WRITE_UPDATE && merged(sqlite, job);
	if (!merge) {
		TAILQ_INSERT_TAIL(&sqlite->queue, write, link);
		sqlite->queued++;
		pthread_cond_signal(&sqlite->filled);
	}
	pthread_mutex_unlock(&sqlite->lock);
	if (merge)
		write_free(write);
	return 0;
}

static int sqlite_update(struct store *store, const struct store_job *job, enum store_wait wait,
			 struct error *ret_error)
{
	return wait == STORE_WAIT ? write_and_wait(sqlite_of(store), WRITE_UPDATE, job, ret_error)
				  : write_and_go(sqlite_of(store), WRITE_UPDATE, job, ret_error);
}

static int sqlite_remove(struct store *store, const char *id, enum store_wait wait,
			 struct error *ret_error)
{
	struct store_job job = {0};
	strcpy(job.id, id);
	return wait == STORE_WAIT ? write_and_wait(sqlite_of(store), WRITE_REMOVE, &job, ret_error)
				  : write_and_go(sqlite_of(store), WRITE_REMOVE, &job, ret_error);
}

static int sqlite_read(struct store *store, const char *id, bool want_spec,
		       struct store_read *ret_read, struct error *ret_error)
{
	struct store_sqlite *sqlite = sqlite_of(store);
	struct store_read read = {0};
	pthread_mutex_lock(&sqlite->read_lock);
	int r = store_sqlite_blob(sqlite->reader.record, id, &read.record);
	if (r == SQLITE_OK && want_spec)
		r = store_sqlite_blob(sqlite->reader.spec, id, &read.spec);
	pthread_mutex_unlock(&sqlite->read_lock);
	if (r == SQLITE_OK) {
		*ret_read = read;
		return 0;
	}
	bool spec_missing = r == SQLITE_DONE && read.record;
	blob_unref(read.record);
	if ((r & 0xff) == SQLITE_CORRUPT || spec_missing)
		return error_set(ret_error, ERROR_CODE_DATA_LOSS,
				 "the stored row of job %s is damaged", id);
	if (r == SQLITE_DONE)
		return error_set(ret_error, ERROR_CODE_NOT_FOUND, "there is no job %s", id);
	return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "cannot read from store: %s",
			 database_fault(r));
}

static int sqlite_load(struct store *store,
		       int (*each)(void *context, const struct store_job *job,
				   struct error *ret_error),
		       void *context, struct error *ret_error)
{
	struct store_sqlite *sqlite = sqlite_of(store);
	int code;
	/* Before the first other call the writer's thread only waits. */
	int r = store_load(sqlite->writer.connection, each, context, &store->lost, &code,
			   ret_error);
	if (r != SQLITE_OK)
		return error_set(
			ret_error, ERROR_CODE_FAILED_PRECONDITION,
			"%s: cannot read the stored jobs: %s; move the state directory away to "
			"start afresh",
			sqlite3_db_filename(sqlite->writer.connection, "main"), database_fault(r));
	return code;
}

static int sqlite_check(struct store *store, struct error *ret_error)
{
	struct store_sqlite *sqlite = sqlite_of(store);
	if (!atomic_load_explicit(&sqlite->failing, memory_order_relaxed))
		return refused(store_folder_check(&sqlite->folder) ? SQLITE_OK
								   : SQLITE_READONLY_DBMOVED,
			       ret_error);
	return write_and_wait(sqlite, WRITE_TOUCH, NULL, ret_error); /* is it still so? */
}

static void sqlite_close(struct store_sqlite *sqlite)
{
	if (!store_folder_check(&sqlite->folder)) { /* its paths are another's now */
		database_keep_log(sqlite->reader.connection);
		database_keep_log(sqlite->writer.connection);
	}
	store_sqlite_reader_close(&sqlite->reader); /* first: the last one to close checkpoints */
	store_sqlite_writer_close(&sqlite->writer);
	store_reserve_close(&sqlite->reserve);
	store_folder_deinit(&sqlite->folder);
	util_close_fd(&sqlite->lock_fd);
	pthread_cond_destroy(&sqlite->filled);
	pthread_mutex_destroy(&sqlite->lock);
	pthread_mutex_destroy(&sqlite->read_lock);
	free(sqlite);
}

static void sqlite_free(struct store *store)
{
	struct store_sqlite *sqlite = sqlite_of(store);
	pthread_mutex_lock(&sqlite->lock);
	sqlite->stopping = true;
	pthread_cond_signal(&sqlite->filled);
	pthread_mutex_unlock(&sqlite->lock);
	pthread_join(sqlite->thread, NULL);
	sqlite_close(sqlite);
}

/* ---- opening ---- */

static int take_directory(struct store_sqlite *sqlite, const char *directory,
			  struct error *ret_error)
{
	_cleanup_free_ char *path = NULL;
	if (mkdir(directory, 0700) < 0 && errno != EEXIST)
		return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION,
				 "state directory %s: cannot create it: %s", directory,
				 strerror(errno));
	if (asprintf(&path, "%s/lock", directory) < 0)
		return error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	sqlite->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (sqlite->lock_fd < 0)
		return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION, "%s: %s", path,
				 strerror(errno));
	if (flock(sqlite->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return error_set(
			ret_error, ERROR_CODE_FAILED_PRECONDITION,
			"state directory %s: another agent uses it; give this one its own with "
			"--state-dir",
			directory);
	return 0;
}

static int open_database(struct store_sqlite *sqlite, const char *directory,
			 struct error *ret_error)
{
	_cleanup_free_ char *path = NULL;
	if (asprintf(&path, "%s/jobs.db", directory) < 0)
		return error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	int code = database_open(&sqlite->writer.connection, path, &STORE_SQLITE_SCHEMA, ret_error);
	if (!code)
		code = database_open_reader(&sqlite->reader.connection, path, ret_error);
	if (code)
		return code;
	int r = store_sqlite_writer_prepare(&sqlite->writer);
	if (r == SQLITE_OK)
		r = store_sqlite_reader_prepare(&sqlite->reader);
	if (r != SQLITE_OK)
		return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION, "%s: %s", path,
				 database_fault(r));
	return 0;
}

/* A database of 0 bytes, or none, in a folder that had one: the lock file remembers that. */
static bool was_emptied(const struct store_sqlite *sqlite, const char *directory)
{
	_cleanup_free_ char *path = NULL;
	struct stat database, lock;
	if (asprintf(&path, "%s/jobs.db", directory) < 0) {
		path = NULL;
		return false;
	}
	bool empty = stat(path, &database) < 0 ? errno == ENOENT : database.st_size == 0;
	return empty && fstat(sqlite->lock_fd, &lock) == 0 && lock.st_size > 0;
}

/* Return: were commits lost with a part of the log? */
static bool look_at_log(const char *directory)
{
	if (!store_wal_is_damaged(directory))
		return false;
	bool kept = store_wal_keep(directory);
	log_event(
		LOG_LEVEL_ERROR, "store_log_damaged", "dir", directory, "copy",
		kept ? "jobs.db-wal.damaged" : "could not be made", "next",
		"changes behind the damage are lost: jobs that would wait are ended, because they "
		"may have run",
		NULL);
	return true;
}

static void remember_database(const struct store_sqlite *sqlite)
{
	static const char TEXT[] = "jobs.db\n";
	ssize_t written = pwrite(sqlite->lock_fd, TEXT, sizeof TEXT - 1, 0);
	(void)written; /* on a full disk the warning is lost, nothing else */
}

/* An agent that was stopped on a full disk starts there, too: without the log's index, which takes
 * room, its jobs could not even be read. */
static int open_files(struct store_sqlite *sqlite, const char *directory, struct error *ret_error)
{
	bool emptied = was_emptied(sqlite, directory);
	sqlite->store.rolled_back = look_at_log(directory);
	store_reserve_open(&sqlite->reserve, directory);
	int code = open_database(sqlite, directory, ret_error);
	if (code && store_reserve_spend(&sqlite->reserve)) {
		error_deinit(ret_error);
		store_sqlite_reader_close(&sqlite->reader);
		store_sqlite_writer_close(&sqlite->writer);
		code = open_database(sqlite, directory, ret_error);
		store_reserve_refill(&sqlite->reserve);
	}
	if (!code)
		remember_database(sqlite);
	sqlite->store.emptied = emptied;
	if (emptied)
		log_event(LOG_LEVEL_WARN, "store_emptied", "dir", directory, "next",
			  "jobs.db was empty or missing where one had been: the jobs that it held "
			  "are gone, and a new one was made",
			  NULL);
	int r = code ? 0 : store_folder_note(&sqlite->folder, directory);
	if (r < 0)
		return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION,
				 "state directory %s: %s", directory, strerror(-r));
	return code;
}

static void init_waiting(struct store_sqlite *sqlite)
{
	pthread_cond_init(&sqlite->filled, NULL);
	pthread_mutex_init(&sqlite->lock, NULL);
	pthread_mutex_init(&sqlite->read_lock, NULL);
	TAILQ_INIT(&sqlite->queue);
}

int store_sqlite_new(struct store **ret_store, const char *directory, struct error *ret_error)
{
	static const struct store_ops OPS = {
		sqlite_create, sqlite_update, sqlite_remove, sqlite_read,
		sqlite_load,   sqlite_check,  sqlite_free,
	};
	struct store_sqlite *sqlite = calloc(1, sizeof *sqlite);
	if (!sqlite)
		return error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	sqlite->store.ops = &OPS;
	sqlite->lock_fd = -1;
	sqlite->reserve = STORE_RESERVE_NULL;
	init_waiting(sqlite);
	int code = take_directory(sqlite, directory, ret_error);
	if (!code)
		code = open_files(sqlite, directory, ret_error);
	if (!code && pthread_create(&sqlite->thread, NULL, writer_main, sqlite))
		code = error_set(ret_error, ERROR_CODE_INTERNAL,
				 "cannot create the store's thread");
	if (code) {
		sqlite_close(sqlite);
		return code;
	}
	*ret_store = &sqlite->store;
	return 0;
}
