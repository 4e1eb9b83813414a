/* database: see database.h. */
#include "store/database.h"

#include "store/store_seal.h"

#include <stdlib.h>
#include <sys/stat.h>

enum {
	BUSY_MS = 1000,	 /* a reader's checkpoint race, or somebody's sqlite3 shell */
	CACHE_KIB = 512, /* an idle agent stays small; rows are read once */
};

const char *database_fault(int code)
{
	if (code == SQLITE_READONLY_DBMOVED)
		return "the state directory or a file in it was removed or replaced: put it back "
		       "as it was, or restart the agent";
	switch (code & 0xff) {
	case SQLITE_FULL: return "the disk is full";
	case SQLITE_READONLY: return "the database is read-only";
	case SQLITE_CORRUPT: return "the database is damaged";
	case SQLITE_NOTADB: return "the file is not a database";
	case SQLITE_IOERR: return "the disk reports an error";
	case SQLITE_CANTOPEN: return "the file cannot be opened";
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return "another program holds the database";
	case SQLITE_NOMEM: return "out of memory";
	case SQLITE_CONSTRAINT: return "the row is there already";
	case SQLITE_TOOBIG: return "the row is too large";
	default: return sqlite3_errstr(code);
	}
}

bool database_fault_is_full(int code)
{
	return code == SQLITE_FULL || code == SQLITE_IOERR_WRITE || code == SQLITE_IOERR_SHMSIZE;
}

void database_keep_log(sqlite3 *connection)
{
	int keep = 1;
	if (connection)
		sqlite3_file_control(connection, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
}

bool database_fault_is_fatal(int code)
{
	return code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC;
}

int database_run(sqlite3 *connection, const char *sql)
{
	return sqlite3_exec(connection, sql, NULL, NULL, NULL);
}

int database_prepare(sqlite3 *connection, const char *sql, sqlite3_stmt **ret_statement)
{
	return sqlite3_prepare_v3(connection, sql, -1, SQLITE_PREPARE_PERSISTENT, ret_statement,
				  NULL);
}

int database_read_number(sqlite3 *connection, const char *sql, int64_t *ret_number)
{
	sqlite3_stmt *statement = NULL;
	int r = sqlite3_prepare_v2(connection, sql, -1, &statement, NULL);
	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	if (r == SQLITE_ROW) {
		*ret_number = sqlite3_column_int64(statement, 0);
		r = SQLITE_OK;
	}
	sqlite3_finalize(statement);
	return r == SQLITE_DONE ? SQLITE_ERROR : r;
}

static int write_number(sqlite3 *connection, const char *pragma, int32_t number)
{
	char *sql = sqlite3_mprintf("PRAGMA %s = %d", pragma, number);
	int r = sql ? database_run(connection, sql) : SQLITE_NOMEM;
	sqlite3_free(sql);
	return r;
}

/* Is it a database of this program, and of which version? An empty file has no owner yet. */
static int check_owner(sqlite3 *connection, const char *path, const struct database_schema *schema,
		       int32_t *ret_version, struct error *ret_error)
{
	int64_t id = 0, version = 0, tables = 0;
	int r = database_read_number(connection, "PRAGMA application_id", &id);
	if (r == SQLITE_OK)
		r = database_read_number(connection, "PRAGMA user_version", &version);
	if (r == SQLITE_OK)
		r = database_read_number(connection, "SELECT count(*) FROM sqlite_schema", &tables);
	if (r != SQLITE_OK)
		return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION, "%s: %s", path,
				 database_fault(r));
	*ret_version = (int32_t)version;
	if (id != schema->application_id && (id || tables))
		return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION,
				 "%s: it belongs to another program (application_id 0x%08x)", path,
				 (unsigned int)id);
	if (*ret_version > schema->count)
		return error_set(
			ret_error, ERROR_CODE_FAILED_PRECONDITION,
			"%s: it was written by a newer version (schema %d, this one knows %d); "
			"use that version or another state directory",
			path, *ret_version, schema->count);
	return 0;
}

/* All steps in one transaction: a crash leaves the old version or the new one. */
static int migrate(sqlite3 *connection, const char *path, const struct database_schema *schema,
		   int32_t version, struct error *ret_error)
{
	if (version == schema->count)
		return 0;
	int r = database_run(connection, "BEGIN IMMEDIATE");
	for (; r == SQLITE_OK && version < schema->count; version++)
		r = database_run(connection, schema->migrations[version]);
	if (r == SQLITE_OK)
		r = write_number(connection, "application_id", schema->application_id);
	if (r == SQLITE_OK)
		r = write_number(connection, "user_version", schema->count);
	if (r == SQLITE_OK)
		r = database_run(connection, "COMMIT");
	if (r == SQLITE_OK)
		return 0;
	database_run(connection, "ROLLBACK");
	return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION,
			 "%s: cannot migrate the database: %s", path, database_fault(r));
}

static int connect_file(sqlite3 **ret_connection, const char *path, int flags)
{
	sqlite3 *connection = NULL;
	int r = sqlite3_open_v2(path, &connection,
				flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	if (r == SQLITE_OK)
		r = sqlite3_db_config(connection, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (r == SQLITE_OK)
		r = sqlite3_db_config(connection, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	if (r == SQLITE_OK)
		r = sqlite3_busy_timeout(connection, BUSY_MS);
	if (r == SQLITE_OK)
		r = write_number(connection, "cache_size", -CACHE_KIB);
	if (r == SQLITE_OK)
		r = store_seal_register(connection);
	if (r != SQLITE_OK)
		connection = database_close(connection);
	*ret_connection = connection;
	return r;
}

static int make_durable(sqlite3 *connection)
{
	int r = database_run(connection, "PRAGMA journal_mode = WAL");
	if (r == SQLITE_OK)
		r = database_run(connection, "PRAGMA synchronous = FULL");
	return r;
}

int database_open(sqlite3 **ret_connection, const char *path, const struct database_schema *schema,
		  struct error *ret_error)
{
	sqlite3 *connection;
	int32_t version = 0;
	mode_t mask = umask(0077); /* readable by the agent's user alone */
	int r = connect_file(&connection, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
	umask(mask);
	if (r != SQLITE_OK)
		return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION, "%s: %s", path,
				 database_fault(r));
	int code = check_owner(connection, path, schema, &version, ret_error);
	if (!code && (r = make_durable(connection)) != SQLITE_OK)
		code = error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION, "%s: %s", path,
				 database_fault(r));
	if (!code)
		code = migrate(connection, path, schema, version, ret_error);
	if (code) {
		database_close(connection);
		return code;
	}
	*ret_connection = connection;
	return 0;
}

int database_open_reader(sqlite3 **ret_connection, const char *path, struct error *ret_error)
{
	int r = connect_file(ret_connection, path,
			     SQLITE_OPEN_READWRITE); /* WAL's index is shared memory */
	if (r == SQLITE_OK)
		r = database_run(*ret_connection,
				 "PRAGMA wal_autocheckpoint = 0; PRAGMA query_only = 1");
	if (r == SQLITE_OK)
		return 0;
	*ret_connection = database_close(*ret_connection);
	return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION, "%s: %s", path,
			 database_fault(r));
}

sqlite3 *database_close(sqlite3 *connection)
{
	sqlite3_close(connection);
	return NULL;
}
