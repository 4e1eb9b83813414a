/*
 * store_seal: the checksum of a row: the SQL function row_seal(column, …).
 *
 * The first 128 bits of SHA-256 over type, length and bytes of each argument: what a disk or a
 * memory alters is found, wherever it is. It is no signature: whoever writes the file can make one.
 * Thread: the connection's.
 */
#pragma once
#include <sqlite3.h>

enum { STORE_SEAL_BYTES = 16 };

/** store_seal_register() - make row_seal() known to @connection. Return: SQLite's code */
int store_seal_register(sqlite3 *connection);
