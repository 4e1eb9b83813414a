/*
 * store_wal: has the write-ahead log lost commits that were acknowledged?
 *
 * SQLite takes the first frame whose checksum does not fit for the end of the log. After a crash
 * that is right: what follows was never synced. After damage everything behind it is lost, without
 * a word. The two are told apart by what follows: a later transaction is written only when the
 * earlier one was synced; and the log's index counts only frames that were. Thread: the one that
 * opens the store, before SQLite does.
 */
#pragma once
#include <stdbool.h>

/** store_wal_is_damaged() - of @directory's jobs.db-wal; false where there is none, or it cannot be
 * read */
bool store_wal_is_damaged(const char *directory);
/** store_wal_keep() - a copy beside it, jobs.db-wal.damaged, in the place of an earlier one.
 * Return: false: it could not be made */
bool store_wal_keep(const char *directory);
