/*
 * store_sqlite: the store on SQLite: one file, one writer thread, group commit. See store_sqlite.c.
 */
#pragma once
#include "store/store.h"

/* Most writes of one commit: its callers wait for all of them. */
enum { STORE_SQLITE_GROUP_MAX = 64 };

/**
 * store_sqlite_new() - open or make @directory/jobs.db
 * @directory: made with mode 0700 where it is not there (its parents must be)
 *
 * Two agents cannot share a directory: the second is refused. Return: 0 with *ret_store owned
 * (ops->free); FAILED_PRECONDITION with a sentence that names the file.
 */
int store_sqlite_new(struct store **ret_store, const char *directory, struct error *ret_error);
