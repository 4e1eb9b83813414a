/*
 * tokens: the bearer tokens of an agent, out of a file of names, roles, expiries and SHA-256
 * digests; never a secret at rest.
 *
 * The file holds one token a line (token.h) and belongs to its owner alone (mode 0600), or it is
 * refused. Lines that start with # are comments. Thread: a loaded set is immutable; a reload makes
 * a new one.
 */
#pragma once
#include "api/auth/token.h"
#include "pagecast/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TOKENS_MAX = 4096 }; /* of one agent; a file beyond this is a mistake */

struct tokens;

/**
 * tokens_load() - read and check the whole file
 *
 * Jobs belong to names, so two tokens of one name, accessor or digest are refused. Return: 0 with
 * *ret_tokens owned; FAILED_PRECONDITION: unreadable or open to others; INVALID_ARGUMENT: a bad
 * line, or two that are alike, by number. The message names @path as given.
 */
int tokens_load(const char *path, struct tokens **ret_tokens, struct error *ret_error);
/** tokens_list() - the same for one who manages the file: root may, of an agent that is another
 * user; and what is alike is listed, so that it can be revoked */
int tokens_list(const char *path, struct tokens **ret_tokens, struct error *ret_error);
/** tokens_new() - none. Return: NULL: out of memory */
struct tokens *tokens_new(void);
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

/**
 * tokens_find_presented() - the same, whether or not it has expired: who holds it is known
 */
const struct token *tokens_find_presented(const struct tokens *tokens, const char *presented);

/** tokens_hold() - is the token with that accessor still good? */
bool tokens_hold(const struct tokens *tokens, const char *accessor, int64_t now_s);

/** tokens_find() - the token with that accessor. Return: borrowed; NULL: none */
const struct token *tokens_find(const struct tokens *tokens, const char *accessor);

/** tokens_named() - the first token of that name. Return: borrowed; NULL: none */
const struct token *tokens_named(const struct tokens *tokens, const char *name);

/** tokens_append() - add a copy after the last. Return: false: out of memory */
bool tokens_append(struct tokens *tokens, const struct token *token);
/** tokens_remove() - take the token with that accessor out. Return: whether there was one */
bool tokens_remove(struct tokens *tokens, const char *accessor);
