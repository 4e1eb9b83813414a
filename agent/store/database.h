/*
 * database: the one module that knows SQLite: opening, migrating, statements, faults in words.
 *
 * A database belongs to this program (application_id), knows its version (user_version) and is only
 * ever migrated forwards by an append-only list. WAL with synchronous=FULL: a commit that returned
 * is on the disk. The writer's connection does every write and every checkpoint; a reader's
 * connection only reads. Thread: a connection belongs to one thread at a time.
 */
#pragma once
#include "pagecast/error.h"

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

struct database_schema {
	int32_t application_id;
	const char *const *migrations; /* [count] SQL; entry i brings version i to i + 1; never
					  changed, only added */
	int count;
};

/**
 * database_open() - the writer's connection: made if it is not there, checked, migrated
 * @path: of the file
 *
 * Return: 0; FAILED_PRECONDITION with a sentence that names @path: not writable, of another
 * program, newer, damaged.
 */
int database_open(sqlite3 **ret_connection, const char *path, const struct database_schema *schema,
		  struct error *ret_error);

/** database_open_reader() - a second connection that only reads. Return: 0; FAILED_PRECONDITION */
int database_open_reader(sqlite3 **ret_connection, const char *path, struct error *ret_error);

/** database_close() - NULL-safe; statements are finalized before. Return: NULL */
sqlite3 *database_close(sqlite3 *connection);

/** database_prepare() - a statement that is kept. Return: SQLITE_OK or SQLite's code */
int database_prepare(sqlite3 *connection, const char *sql, sqlite3_stmt **ret_statement);

/** database_run() - SQL without parameters and rows. Return: SQLite's code */
int database_run(sqlite3 *connection, const char *sql);
/** database_read_number() - the first column of the first row; without a row SQLITE_ERROR */
int database_read_number(sqlite3 *connection, const char *sql, int64_t *ret_number);

/** database_fault() - what SQLite's (extended) code means for the operator, without a path; static
 */
const char *database_fault(int code);

/** database_fault_is_full() - would room on the disk help? A quota that is used up is an error of
 * writing to SQLite */
bool database_fault_is_full(int code);

/** database_keep_log() - closing the connection leaves the log's file where it is, for its path may
 * be another's by now; NULL-safe */
void database_keep_log(sqlite3 *connection);

/** database_fault_is_fatal() - after a failed fsync the contents of the disk are unknown */
bool database_fault_is_fatal(int code);
