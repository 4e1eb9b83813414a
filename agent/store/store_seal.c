/* store_seal: see store_seal.h. */
#include "store/store_seal.h"

#include <nettle/sha2.h>
#include <stdint.h>

static void add_number(struct sha256_ctx *hash, uint64_t number)
{
	uint8_t bytes[8];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(number >> 8 * i);
	sha256_update(hash, sizeof bytes, bytes);
}

static void add_value(struct sha256_ctx *hash, sqlite3_value *value)
{
	int type = sqlite3_value_type(value);
	add_number(hash, (uint64_t)type);
	if (type == SQLITE_INTEGER) {
		add_number(hash, (uint64_t)sqlite3_value_int64(value));
		return;
	}
	const void *bytes = sqlite3_value_blob(value); /* before bytes(): SQLite's order */
	size_t len = (size_t)sqlite3_value_bytes(value);
	add_number(hash, len);
	if (bytes)
		sha256_update(hash, len, bytes);
}

static void row_seal(sqlite3_context *context, int count, sqlite3_value **values)
{
	struct sha256_ctx hash;
	uint8_t digest[STORE_SEAL_BYTES];
	sha256_init(&hash);
	for (int i = 0; i < count; i++)
		add_value(&hash, values[i]);
	sha256_digest(&hash, sizeof digest, digest);
	sqlite3_result_blob(context, digest, sizeof digest, SQLITE_TRANSIENT);
}

int store_seal_register(sqlite3 *connection)
{
	return sqlite3_create_function(connection, "row_seal", -1,
				       SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, NULL,
				       row_seal, NULL, NULL);
}
