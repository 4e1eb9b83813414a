/*
 * store_load: every stored row at the start, however damaged the file is.
 *
 * A row whose seals do not fit is lent as damaged. Where pages cannot be read, the rows around them
 * are found through both ends of the table and through its index, and what the index names and the
 * table does not give is counted as lost. An index that contradicts its table is built again.
 * Thread: the writer's connection, before it writes.
 */
#pragma once
#include "store/store.h"

#include <sqlite3.h>

/**
 * store_load() - every row, oldest id first; spec and record only of rows that have not ended
 * @ret_code: what @each answered, if it stopped
 * @ret_lost: rows that are known to have been there and cannot be read
 *
 * Return: SQLite's code: nothing at all could be read.
 */
int store_load(sqlite3 *connection,
	       int (*each)(void *context, const struct store_job *job, struct error *ret_error),
	       void *context, size_t *ret_lost, int *ret_code, struct error *ret_error);
