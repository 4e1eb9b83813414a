/*
 * token: one bearer token: its parts, its digest, and its line in the tokens file.
 *
 * A token is "pgc_<accessor>_<secret>": 8 hex digits that name it in logs and lists, 64 hex digits
 * (32 random bytes) that are shown once. Only the SHA-256 of the whole is kept. Its line:
 * <accessor> <role> <expires: RFC 3339 in UTC, or "never"> <sha-256, hex> <name>
 * Digests and randomness are GnuTLS's. Thread: any; no state.
 */
#pragma once
#include "pagecast/agent.h"
#include "pagecast/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define TOKEN_PREFIX "pgc_"

enum {
	TOKEN_NAME_MAX = 64,	/* bytes; letters, digits and . _ - @ */
	TOKEN_ACCESSOR_LEN = 8, /* hex digits */
	TOKEN_SECRET_LEN = 64,	/* hex digits of 32 bytes */
	TOKEN_TEXT_LEN = sizeof TOKEN_PREFIX - 1 + TOKEN_ACCESSOR_LEN + 1 + TOKEN_SECRET_LEN,
	TOKEN_DIGEST_BYTES = 32,
	TOKEN_LINE_MAX_BYTES = 256, /* with its newline and the NUL after it */
	TOKEN_EXPIRY_BYTES = 32,
};

struct token {
	char accessor[TOKEN_ACCESSOR_LEN + 1];
	char name[TOKEN_NAME_MAX + 1];
	enum agent_role role;
	int64_t expires_s; /* seconds since 1970; INT64_MAX: never */
	uint8_t digest[TOKEN_DIGEST_BYTES];
	unsigned int line; /* of the file it was read from; 0: none yet */
};

bool token_name_valid(const char *name);

/** token_claim() - the accessor in @presented (hostile), if that has the form of a token, known or
 * not. Return: whether it has */
bool token_claim(const char *presented, char ret_accessor[static TOKEN_ACCESSOR_LEN + 1]);

/** token_digest() - SHA-256 of a whole token. Return: false: the library has none */
bool token_digest(const char *text, uint8_t digest[static TOKEN_DIGEST_BYTES]);

/** token_parse() - a line of the file, shorter than TOKEN_LINE_MAX_BYTES. Return: NULL; what is
 * wrong with it */
const char *token_parse(const char *line, struct token *ret_token);

/** token_print() - the line of a token. Return: false: not written */
bool token_print(FILE *file, const struct token *token);

/** token_expiry_print() - "2030-01-31T00:00:00Z" or "never", as the file has it */
void token_expiry_print(int64_t expires_s, char text[static TOKEN_EXPIRY_BYTES]);

/**
 * token_make() - accessor and secret, by chance
 * @token:    accessor and digest are set, the rest stays
 * @ret_text: the token itself
 */
int token_make(struct token *token, char ret_text[static TOKEN_TEXT_LEN + 1],
	       struct error *ret_error);
