/* store_load: see store_load.h. */
#include "store/store_load.h"

#include "base/log.h"
#include "base/util.h"
#include "store/database.h"
#include "store/job_state.h"
#include "store/store_sqlite_rows.h"

#include <stdlib.h>
#include <string.h>

struct entry { /* where a row is, by its table or by its index */
	int64_t rowid;
	bool in_table; /* the table gave it */
	char id[JOB_ID_LEN + 1];
};

struct entries {
	struct entry *list; /* [count], owned */
	size_t count, room;
};

struct load {
	sqlite3 *connection;
	sqlite3_stmt *row, *name, *spec;
	size_t lost, damaged;
};

static int add_entry(struct entries *entries, int64_t rowid, const char *id, bool in_table)
{
	if (entries->count == entries->room) {
		size_t room = entries->room ? 2 * entries->room : 256;
		struct entry *list = reallocarray(entries->list, room, sizeof *list);
		if (!list)
			return SQLITE_NOMEM;
		entries->list = list;
		entries->room = room;
	}
	struct entry *entry = &entries->list[entries->count++];
	*entry = (struct entry){.rowid = rowid, .in_table = in_table};
	snprintf(entry->id, sizeof entry->id, "%s", id ? id : "");
	return SQLITE_OK;
}

/* Return: SQLITE_OK: to the end; SQLITE_NOMEM; else where it could not be read on */
static int scan(sqlite3 *connection, const char *sql, bool in_table, struct entries *entries)
{
	sqlite3_stmt *statement = NULL;
	int r = sqlite3_prepare_v2(connection, sql, -1, &statement, NULL);
	while (r == SQLITE_OK && (r = sqlite3_step(statement)) == SQLITE_ROW)
		r = add_entry(entries, sqlite3_column_int64(statement, 0),
			      (const char *)sqlite3_column_text(statement, 1), in_table);
	sqlite3_finalize(statement);
	return r == SQLITE_DONE ? SQLITE_OK : r;
}

static int by_id(const void *a, const void *b)
{
	const struct entry *one = a, *other = b;
	int order = strcmp(one->id, other->id);
	if (!order)
		order = other->in_table - one->in_table;
	return order ? order : (one->rowid > other->rowid) - (one->rowid < other->rowid);
}

/* Sorted, each row once; what only the index names behind what the table has of the same id. */
static void sort(struct entries *entries)
{
	size_t kept = 0;
	if (entries->count)
		qsort(entries->list, entries->count, sizeof *entries->list, by_id);
	for (size_t i = 0; i < entries->count; i++) {
		const struct entry *before = kept ? &entries->list[kept - 1] : NULL;
		if (!before || before->rowid != entries->list[i].rowid ||
		    strcmp(before->id, entries->list[i].id) != 0)
			entries->list[kept++] = entries->list[i];
	}
	entries->count = kept;
}

/* From both ends, so that a page in between that cannot be read hides no more than itself. */
static int find_rows(sqlite3 *connection, struct entries *entries)
{
	static const struct {
		const char *forward, *backward;
		bool in_table;
	} WAYS[] = {
		{"SELECT rowid, id FROM jobs NOT INDEXED ORDER BY rowid",
		 "SELECT rowid, id FROM jobs NOT INDEXED ORDER BY rowid DESC", true},
		{"SELECT rowid, id FROM jobs INDEXED BY sqlite_autoindex_jobs_1 ORDER BY id",
		 "SELECT rowid, id FROM jobs INDEXED BY sqlite_autoindex_jobs_1 ORDER BY id DESC",
		 false},
	};
	int r = SQLITE_OK;
	for (size_t i = 0; i < ARRAY_SIZE(WAYS) && r != SQLITE_NOMEM; i++) {
		r = scan(connection, WAYS[i].forward, WAYS[i].in_table, entries);
		if (r != SQLITE_OK && r != SQLITE_NOMEM)
			r = scan(connection, WAYS[i].backward, WAYS[i].in_table, entries);
	}
	return r == SQLITE_NOMEM || !entries->count ? r : SQLITE_OK;
}

/* Does an index contradict its table, or can it not be read? */
static bool index_is_wrong(sqlite3 *connection)
{
	static const char *const CHECKS[] = {
		"SELECT count(*) FROM jobs AS a NOT INDEXED WHERE NOT EXISTS (SELECT 1 FROM jobs "
		"AS b"
		" INDEXED BY sqlite_autoindex_jobs_1 WHERE b.id = a.id AND b.rowid = a.rowid)",
		"SELECT count(*) FROM specs AS a NOT INDEXED WHERE NOT EXISTS (SELECT 1 FROM specs "
		"AS"
		" b INDEXED BY sqlite_autoindex_specs_1 WHERE b.id = a.id AND b.rowid = a.rowid)",
		"SELECT count(*) FROM jobs AS a NOT INDEXED WHERE a.request_id <> '' AND NOT EXISTS"
		" (SELECT 1 FROM jobs AS b INDEXED BY jobs_request WHERE b.request_id <> '' AND"
		" b.owner = a.owner AND b.request_id = a.request_id AND b.rowid = a.rowid)",
	};
	for (size_t i = 0; i < ARRAY_SIZE(CHECKS); i++) {
		int64_t wrong = 0;
		if (database_read_number(connection, CHECKS[i], &wrong) != SQLITE_OK || wrong)
			return true;
	}
	return false;
}

/* Return: can its content be trusted, and is its name one? */
static bool take_columns(sqlite3_stmt *row, struct store_job *job, struct blob **ret_basic,
			 struct blob **ret_record)
{
	bool identity = sqlite3_column_int(row, 11), whole = sqlite3_column_int(row, 12);
	const uint8_t *digest = sqlite3_column_blob(row, 8);
	const char *owner = (const char *)sqlite3_column_text(row, 6);
	const char *request_id = (const char *)sqlite3_column_text(row, 7);
	bool readable =
		owner && request_id && digest && sqlite3_column_bytes(row, 8) == SHA256_DIGEST_SIZE;
	identity = identity && readable;
	job->state = (Pagecast__V1__JobState)sqlite3_column_int(row, 1);
	job->version = (uint64_t)sqlite3_column_int64(row, 2);
	job->revision = (uint64_t)sqlite3_column_int64(row, 3);
	job->create_ns = sqlite3_column_int64(row, 4);
	job->end_ns = sqlite3_column_int64(row, 5);
	job->identity_damaged = !identity;
	if (readable) {
		job->owner = owner;
		job->request_id = request_id;
		job->spec_digest = digest;
	}
	return identity && whole && job_state_known(job->state) &&
	       store_sqlite_column_blob(row, 9, ret_basic) == SQLITE_OK &&
	       store_sqlite_column_blob(row, 10, ret_record) == SQLITE_OK;
}

/* The spec belongs to the row: one that is missing or altered damages it. */
static bool take_spec(struct load *load, const char *id, struct blob **ret_spec)
{
	sqlite3_bind_text(load->spec, 1, id, -1, SQLITE_STATIC);
	bool whole = sqlite3_step(load->spec) == SQLITE_ROW && sqlite3_column_int(load->spec, 1) &&
		     store_sqlite_column_blob(load->spec, 0, ret_spec) == SQLITE_OK;
	sqlite3_reset(load->spec);
	sqlite3_clear_bindings(load->spec);
	return whole;
}

static int lend(struct load *load, struct store_job *job, bool whole, struct blob *basic,
		struct blob *record,
		int (*each)(void *context, const struct store_job *job, struct error *ret_error),
		void *context, struct error *ret_error)
{
	static const uint8_t NO_DIGEST[SHA256_DIGEST_SIZE];
	_cleanup_blob_ struct blob *spec = NULL;
	job->damaged = !(whole && take_spec(load, job->id, &spec));
	if (!job->damaged) {
		bool ended = job_state_ended(job->state);
		job->basic = basic;
		job->record = ended ? NULL : record;
		job->spec = ended ? NULL : spec;
		return each(context, job, ret_error);
	}
	load->damaged++;
	if (!job->owner) {
		job->owner = job->request_id = "";
		job->spec_digest = NO_DIGEST;
	}
	return each(context, job, ret_error);
}

/* Is a row of this name there, whatever of it can be read? */
static bool has_name(struct load *load, const struct entry *entry)
{
	sqlite3_bind_int64(load->name, 1, entry->rowid);
	bool there = sqlite3_step(load->name) == SQLITE_ROW;
	sqlite3_reset(load->name);
	return there;
}

static int load_entry(struct load *load, const struct entry *entry,
		      int (*each)(void *context, const struct store_job *job,
				  struct error *ret_error),
		      void *context, struct error *ret_error)
{
	_cleanup_blob_ struct blob *basic = NULL, *record = NULL;
	struct store_job job = {.identity_damaged = true};
	sqlite3_bind_int64(load->row, 1, entry->rowid);
	int r = sqlite3_step(load->row);
	bool whole = r == SQLITE_ROW && take_columns(load->row, &job, &basic, &record);
	const char *id = r == SQLITE_ROW ? (const char *)sqlite3_column_text(load->row, 0) : NULL;
	bool other = id && strcmp(id, entry->id) != 0;
	int code = 0;
	if (other) { /* what is altered is the index's entry, or the number by which the row is
			found */
		load->lost += entry->in_table;
		sqlite3_reset(load->row);
		return 0;
	}
	if ((r != SQLITE_ROW && !has_name(load, entry)) || !job_id_valid(entry->id)) {
		load->lost++;
	} else {
		memcpy(job.id, entry->id, sizeof job.id);
		code = lend(load, &job, whole, basic, record, each, context, ret_error);
	}
	sqlite3_reset(load->row);
	return code;
}

static int prepare(struct load *load)
{
	int r = database_prepare(
		load->connection,
		"SELECT id, state, version, revision, create_ns, end_ns, owner, request_id,"
		" spec_digest, basic, record, identity_seal = " STORE_IDENTITY_SEAL
		", seal = " STORE_ROW_SEAL " FROM jobs WHERE rowid = ?1",
		&load->row);
	if (r == SQLITE_OK)
		r = database_prepare(load->connection, "SELECT id FROM jobs WHERE rowid = ?1",
				     &load->name);
	if (r == SQLITE_OK)
		r = database_prepare(
			load->connection,
			"SELECT spec, seal = row_seal(id, spec) FROM specs WHERE id = ?1",
			&load->spec);
	return r;
}

/* Each id once: where the table has two rows of one name, or the index names another row than the
 * table, the first is it. */
static int load_all(struct load *load, const struct entries *entries,
		    int (*each)(void *context, const struct store_job *job,
				struct error *ret_error),
		    void *context, struct error *ret_error)
{
	int code = 0;
	for (size_t i = 0; i < entries->count && !code; i++) {
		const struct entry *entry = &entries->list[i];
		if (i && strcmp(entry[-1].id, entry->id) == 0)
			load->lost += entry->in_table && entry[-1].in_table;
		else
			code = load_entry(load, entry, each, context, ret_error);
	}
	return code;
}

static void tell(const struct load *load)
{
	if (load->damaged || load->lost)
		log_event(LOG_LEVEL_ERROR, "store_damaged", "file",
			  sqlite3_db_filename(load->connection, "main"), "damaged_jobs",
			  log_u64(load->damaged), "lost_rows", log_u64(load->lost), "next",
			  "damaged jobs are shown as FAILED and are not run; the others go on",
			  NULL);
}

int store_load(sqlite3 *connection,
	       int (*each)(void *context, const struct store_job *job, struct error *ret_error),
	       void *context, size_t *ret_lost, int *ret_code, struct error *ret_error)
{
	struct load load = {.connection = connection};
	struct entries entries = {0};
	*ret_code = 0;
	int r = find_rows(connection, &entries);
	if (r == SQLITE_OK && index_is_wrong(connection))
		log_event(LOG_LEVEL_WARN, "store_index_damaged", "file",
			  sqlite3_db_filename(connection, "main"), "next",
			  database_run(connection, "REINDEX") == SQLITE_OK
				  ? "it was built again from its table"
				  : "it stays as it is",
			  NULL);
	if (r == SQLITE_OK)
		r = prepare(&load);
	if (r == SQLITE_OK) {
		sort(&entries);
		*ret_code = load_all(&load, &entries, each, context, ret_error);
		tell(&load);
	}
	*ret_lost = load.lost;
	sqlite3_finalize(load.row);
	sqlite3_finalize(load.name);
	sqlite3_finalize(load.spec);
	free(entries.list);
	return r;
}
