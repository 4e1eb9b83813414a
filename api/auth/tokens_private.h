/* tokens_private: what the parts of tokens share: the set, and a token as text (token_text.c). */
#pragma once
#include "api/auth/tokens.h"

#include <stddef.h>
#include <stdio.h>

/* Of the file, with its newline and the NUL behind it. */
enum { TOKENS_LINE_MAX_BYTES = 256 };

struct tokens {
	struct token *tokens; /* [count] */
	size_t count;
};

/** tokens_make_room() - for one more behind the last. Return: false: out of memory */
bool tokens_make_room(struct tokens *tokens);

/**
 * tokens_read() - the file at @path, which is to be its owner's alone
 * @of_any_owner: root edits the file of an agent that is somebody else
 *
 * Return: as tokens_load().
 */
int tokens_read(const char *path, bool of_any_owner, struct tokens **ret_tokens,
		struct error *ret_error);

bool token_name_valid(const char *name);

/** token_digest() - SHA-256 of a whole token. Return: false: the library has none */
bool token_digest(const char *text, uint8_t digest[static TOKENS_DIGEST_BYTES]);

/** token_parse() - a line of the file, shorter than TOKENS_LINE_MAX_BYTES. Return: NULL; what is
 * wrong with it */
const char *token_parse(const char *line, struct token *ret_token);

/** token_print() - the line of a token. Return: false: not written */
bool token_print(FILE *file, const struct token *token);

/**
 * token_make() - accessor and secret, by chance
 * @token:    accessor and digest are set, the rest stays
 * @ret_text: the token itself
 */
int token_make(struct token *token, char ret_text[static TOKENS_TEXT_LEN + 1],
	       struct error *ret_error);
