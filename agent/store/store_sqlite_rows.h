/*
 * store_sqlite_rows: the tables of the store and the statements on them.
 *
 * `jobs` has a row a job; `specs` has the large, unchanging part apart, so that an update of a
 * running job's account does not rewrite it. Each row carries seals (store_seal.h): `identity_seal`
 * of what is fixed when it is created, `seal` of what an update writes. Thread: the connection's.
 * Functions return SQLite's (extended) code.
 */
#pragma once
#include "store/database.h"
#include "store/store.h"

#define STORE_IDENTITY_SEAL "row_seal(id, create_ns, owner, request_id, spec_digest)"
#define STORE_ROW_SEAL	    "row_seal(id, state, version, revision, end_ns, basic, record)"

extern const struct database_schema STORE_SQLITE_SCHEMA;

struct store_sqlite_writer {
	sqlite3 *connection; /* owned */
	sqlite3_stmt *begin, *commit, *rollback, *create, *create_spec, *update, *update_spec,
		*remove, *remove_spec, *touch;
};

struct store_sqlite_reader {
	sqlite3 *connection; /* owned */
	sqlite3_stmt *record, *spec;
};

int store_sqlite_writer_prepare(struct store_sqlite_writer *writer);
void store_sqlite_writer_close(struct store_sqlite_writer *writer);
int store_sqlite_reader_prepare(struct store_sqlite_reader *reader);
void store_sqlite_reader_close(struct store_sqlite_reader *reader);

/** store_sqlite_run() - a statement without parameters or rows (begin, commit, rollback, touch) */
int store_sqlite_run(sqlite3_stmt *statement);

int store_sqlite_create(struct store_sqlite_writer *writer, const struct store_job *job);
/** store_sqlite_update() - dropped in silence when what is stored is newer */
int store_sqlite_update(struct store_sqlite_writer *writer, const struct store_job *job);
int store_sqlite_remove(struct store_sqlite_writer *writer, const char *id);

/** store_sqlite_blob() - the blob of row @id. SQLITE_OK with *ret_blob owned; SQLITE_DONE: no such
 * row; SQLITE_CORRUPT: its seal does not fit */
int store_sqlite_blob(sqlite3_stmt *statement, const char *id, struct blob **ret_blob);

/** store_sqlite_column_blob() - of the row that @statement is at. Return: SQLITE_OK with *ret_blob
 * owned; SQLITE_NOMEM */
int store_sqlite_column_blob(sqlite3_stmt *statement, int column, struct blob **ret_blob);
