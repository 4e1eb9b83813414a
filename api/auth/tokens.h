/*
 * tokens: bearer tokens: a file of names, roles, expiries and SHA-256 digests; never a secret at
 * rest.
 *
 * A token is "pgc_<accessor>_<secret>": 8 hex digits that name it in logs and lists, 64 hex digits
 * (32 random bytes) that are shown once. The file holds one token a line and belongs to its owner
 * alone (mode 0600), or it is refused: <accessor> <role> <expires: RFC 3339 in UTC, or "never">
 * <sha-256 of the whole token, hex> <name> Lines that start with # are comments. Thread: a loaded
 * set is immutable; a reload makes a new one.
 */
#pragma once
#include "pagecast/agent.h"
#include "pagecast/error.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	TOKENS_MAX = 4096,	 /* of one agent; a file beyond this is a mistake */
	TOKENS_NAME_MAX = 64,	 /* bytes; letters, digits and . _ - @ */
	TOKENS_ACCESSOR_LEN = 8, /* hex digits */
	TOKENS_SECRET_LEN = 64,	 /* hex digits of 32 bytes */
	TOKENS_TEXT_LEN = 4 + TOKENS_ACCESSOR_LEN + 1 + TOKENS_SECRET_LEN,
	TOKENS_DIGEST_BYTES = 32,
};

struct token {
	char accessor[TOKENS_ACCESSOR_LEN + 1];
	char name[TOKENS_NAME_MAX + 1];
	enum agent_role role;
	int64_t expires_s; /* seconds since 1970; INT64_MAX: never */
	uint8_t digest[TOKENS_DIGEST_BYTES];
};

struct tokens;

/**
 * tokens_load() - read and check the whole file
 *
 * Return: 0 with *ret_tokens owned; FAILED_PRECONDITION: unreadable or open to others;
 * INVALID_ARGUMENT: a bad line, by number. The message names @path as given.
 */
int tokens_load(const char *path, struct tokens **ret_tokens, struct error *ret_error);
/** tokens_list() - the same for one who manages the file: root may read an agent's */
int tokens_list(const char *path, struct tokens **ret_tokens, struct error *ret_error);
struct tokens *tokens_free(struct tokens *tokens);
size_t tokens_count(const struct tokens *tokens);
const struct token *tokens_at(const struct tokens *tokens, size_t index);

/**
 * tokens_check() - whose token is @presented?
 * @presented: NUL-terminated, hostile
 * @now_s:     seconds since 1970
 *
 * The digests are compared in constant time. Return: the token, borrowed; NULL: unknown, or
 * expired.
 */
const struct token *tokens_check(const struct tokens *tokens, const char *presented, int64_t now_s);

/** tokens_hold() - is the token with that accessor still good? */
bool tokens_hold(const struct tokens *tokens, const char *accessor, int64_t now_s);

/** tokens_role_parse() - "viewer" "operator" "admin"; AGENT_ROLE_NONE for anything else */
enum agent_role tokens_role_parse(const char *text);
const char *tokens_role_name(enum agent_role role);

enum { TOKENS_EXPIRY_BYTES = 32 };
/** tokens_expiry_print() - "2030-01-31T00:00:00Z" or "never", as the file has it */
void tokens_expiry_print(int64_t expires_s, char text[static TOKENS_EXPIRY_BYTES]);

/**
 * tokens_create() - make a token and append it to the file (made with mode 0600 where there is
 * none)
 * @expires_s: as in struct token
 * @ret_text:  the token itself; the only time it is seen
 *
 * The file is replaced in one step under a lock on its folder; made by root it belongs to the
 * folder's owner. Return: 0; an error_code.
 */
int tokens_create(const char *path, const char *name, enum agent_role role, int64_t expires_s,
		  char ret_text[static TOKENS_TEXT_LEN + 1], struct error *ret_error);

/** tokens_revoke() - drop the token with that accessor. Return: 0; NOT_FOUND; an error_code */
int tokens_revoke(const char *path, const char *accessor, struct error *ret_error);
