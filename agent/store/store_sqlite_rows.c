/* store_sqlite_rows: see store_sqlite_rows.h. */
#include "store/store_sqlite_rows.h"

#include "base/util.h"

#include <string.h>

/* Append only: an entry that was ever released is never changed. */
static const char *const MIGRATIONS[] = {
	"CREATE TABLE jobs ("
	" id TEXT PRIMARY KEY NOT NULL,"
	" state INTEGER NOT NULL,"
	" version INTEGER NOT NULL,"
	" revision INTEGER NOT NULL,"
	" create_ns INTEGER NOT NULL,"
	" end_ns INTEGER NOT NULL,"
	" owner TEXT NOT NULL,"
	" request_id TEXT NOT NULL,"
	" spec_digest BLOB NOT NULL,"
	" basic BLOB NOT NULL,"
	" record BLOB NOT NULL"
	") STRICT;"
	"CREATE UNIQUE INDEX jobs_request ON jobs (owner, request_id) WHERE request_id <> '';"
	"CREATE TABLE specs (id TEXT PRIMARY KEY NOT NULL, spec BLOB NOT NULL) STRICT;"
	"CREATE TABLE touched (at INTEGER NOT NULL) STRICT;"
	"INSERT INTO touched VALUES (0);",
	/* Owners have kinds from here on. What has none may have been the name of a token, of a
	 * certificate, or nobody's: no caller is "legacy:NAME". */
	"UPDATE jobs SET owner = 'legacy:' || owner"
	" WHERE owner NOT GLOB 'uid:[0-9]*' OR substr(owner, 5) GLOB '*[^0-9]*';",
	/* Rows have checksums from here on: what never changes apart from what does, so that no
	 * update makes a new one for a column that it does not write. */
	"ALTER TABLE jobs ADD COLUMN identity_seal BLOB NOT NULL DEFAULT x'';"
	"ALTER TABLE jobs ADD COLUMN seal BLOB NOT NULL DEFAULT x'';"
	"ALTER TABLE specs ADD COLUMN seal BLOB NOT NULL DEFAULT x'';"
	"UPDATE jobs SET identity_seal = row_seal(id, create_ns, owner, request_id, spec_digest),"
	" seal = row_seal(id, state, version, revision, end_ns, basic, record);"
	"UPDATE specs SET seal = row_seal(id, spec);",
};

const struct database_schema STORE_SQLITE_SCHEMA = {
	.application_id = 0x50474331, /* "PGC1" */
	.migrations = MIGRATIONS,
	.count = ARRAY_SIZE(MIGRATIONS),
};

struct statement_text {
	sqlite3_stmt **statement;
	const char *sql;
};

static int prepare_all(sqlite3 *connection, const struct statement_text *texts, size_t count)
{
	int r = SQLITE_OK;
	for (size_t i = 0; i < count && r == SQLITE_OK; i++)
		r = database_prepare(connection, texts[i].sql, texts[i].statement);
	return r;
}

int store_sqlite_writer_prepare(struct store_sqlite_writer *writer)
{
	const struct statement_text texts[] = {
		{&writer->begin, "BEGIN IMMEDIATE"},
		{&writer->commit, "COMMIT"},
		{&writer->rollback, "ROLLBACK"},
		{&writer->create,
		 "INSERT INTO jobs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,"
		 " row_seal(?1, ?5, ?7, ?8, ?9), row_seal(?1, ?2, ?3, ?4, ?6, ?10, ?11))"},
		{&writer->create_spec, "INSERT INTO specs VALUES (?1, ?2, row_seal(?1, ?2))"},
		{&writer->update,
		 "UPDATE jobs SET state = ?2, version = ?3, revision = ?4, end_ns = ?5,"
		 " basic = coalesce(?6, basic), record = coalesce(?7, record),"
		 " seal = row_seal(?1, ?2, ?3, ?4, ?5, coalesce(?6, basic), coalesce(?7, record))"
		 " WHERE id = ?1 AND version < ?3"},
		{&writer->update_spec,
		 "UPDATE specs SET spec = ?2, seal = row_seal(?1, ?2) WHERE id = ?1"},
		{&writer->remove, "DELETE FROM jobs WHERE id = ?1"},
		{&writer->remove_spec, "DELETE FROM specs WHERE id = ?1"},
		{&writer->touch, "UPDATE touched SET at = at + 1"},
	};
	return prepare_all(writer->connection, texts, ARRAY_SIZE(texts));
}

void store_sqlite_writer_close(struct store_sqlite_writer *writer)
{
	sqlite3_finalize(writer->begin);
	sqlite3_finalize(writer->commit);
	sqlite3_finalize(writer->rollback);
	sqlite3_finalize(writer->create);
	sqlite3_finalize(writer->create_spec);
	sqlite3_finalize(writer->update);
	sqlite3_finalize(writer->update_spec);
	sqlite3_finalize(writer->remove);
	sqlite3_finalize(writer->remove_spec);
	sqlite3_finalize(writer->touch);
	database_close(writer->connection);
	*writer = (struct store_sqlite_writer){0};
}

int store_sqlite_reader_prepare(struct store_sqlite_reader *reader)
{
	const struct statement_text texts[] = {
		{&reader->record,
		 "SELECT record, seal = " STORE_ROW_SEAL " FROM jobs WHERE id = ?1"},
		{&reader->spec, "SELECT spec, seal = row_seal(id, spec) FROM specs WHERE id = ?1"},
	};
	return prepare_all(reader->connection, texts, ARRAY_SIZE(texts));
}

void store_sqlite_reader_close(struct store_sqlite_reader *reader)
{
	sqlite3_finalize(reader->record);
	sqlite3_finalize(reader->spec);
	database_close(reader->connection);
	*reader = (struct store_sqlite_reader){0};
}

/* What is bound is borrowed until the reset, which every user of a statement ends with. */
static void bind_text(sqlite3_stmt *statement, int index, const char *text)
{
	sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

static void bind_bytes(sqlite3_stmt *statement, int index, const void *data, size_t len)
{
	sqlite3_bind_blob64(statement, index, len ? data : "", len, SQLITE_STATIC);
}

/* A missing blob is NULL: coalesce() keeps what is there. */
static void bind_blob(sqlite3_stmt *statement, int index, const struct blob *blob)
{
	if (blob)
		bind_bytes(statement, index, blob->data, blob->len);
	else
		sqlite3_bind_null(statement, index);
}

/* Step to the end and forget what was bound. */
static int finish(sqlite3_stmt *statement)
{
	int r = sqlite3_step(statement);
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	return r == SQLITE_DONE || r == SQLITE_ROW ? SQLITE_OK : r;
}

int store_sqlite_run(sqlite3_stmt *statement)
{
	return finish(statement);
}

int store_sqlite_create(struct store_sqlite_writer *writer, const struct store_job *job)
{
	sqlite3_stmt *s = writer->create;
	bind_text(s, 1, job->id);
	sqlite3_bind_int(s, 2, (int)job->state);
	sqlite3_bind_int64(s, 3, (int64_t)job->version);
	sqlite3_bind_int64(s, 4, (int64_t)job->revision);
	sqlite3_bind_int64(s, 5, job->create_ns);
	sqlite3_bind_int64(s, 6, job->end_ns);
	bind_text(s, 7, job->owner);
	bind_text(s, 8, job->request_id);
	bind_bytes(s, 9, job->spec_digest, SHA256_DIGEST_SIZE);
	bind_blob(s, 10, job->basic);
	bind_blob(s, 11, job->record);
	int r = finish(s);
	if (r != SQLITE_OK)
		return r;
	bind_text(writer->create_spec, 1, job->id);
	bind_blob(writer->create_spec, 2, job->spec);
	return finish(writer->create_spec);
}

int store_sqlite_update(struct store_sqlite_writer *writer, const struct store_job *job)
{
	sqlite3_stmt *s = writer->update;
	bind_text(s, 1, job->id);
	sqlite3_bind_int(s, 2, (int)job->state);
	sqlite3_bind_int64(s, 3, (int64_t)job->version);
	sqlite3_bind_int64(s, 4, (int64_t)job->revision);
	sqlite3_bind_int64(s, 5, job->end_ns);
	bind_blob(s, 6, job->basic);
	bind_blob(s, 7, job->record);
	int r = finish(s);
	if (r != SQLITE_OK || !job->spec || !sqlite3_changes(writer->connection))
		return r;
	bind_text(writer->update_spec, 1, job->id);
	bind_blob(writer->update_spec, 2, job->spec);
	return finish(writer->update_spec);
}

int store_sqlite_remove(struct store_sqlite_writer *writer, const char *id)
{
	bind_text(writer->remove, 1, id);
	int r = finish(writer->remove);
	if (r != SQLITE_OK)
		return r;
	bind_text(writer->remove_spec, 1, id);
	return finish(writer->remove_spec);
}

int store_sqlite_column_blob(sqlite3_stmt *statement, int column, struct blob **ret_blob)
{
	const void *data =
		sqlite3_column_blob(statement, column); /* before bytes(): SQLite's order */
	size_t len = (size_t)sqlite3_column_bytes(statement, column);
	struct blob *blob = blob_new(len);
	if (!blob || (len && !data)) {
		blob_unref(blob);
		return SQLITE_NOMEM;
	}
	if (len)
		memcpy(blob->data, data, len);
	*ret_blob = blob;
	return SQLITE_OK;
}

int store_sqlite_blob(sqlite3_stmt *statement, const char *id, struct blob **ret_blob)
{
	bind_text(statement, 1, id);
	int r = sqlite3_step(statement);
	if (r == SQLITE_ROW)
		r = sqlite3_column_int(statement, 1)
			    ? store_sqlite_column_blob(statement, 0, ret_blob)
			    : SQLITE_CORRUPT;
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	return r;
}
