/*
 * tokens_edit: making and revoking tokens, for `pagecastd token`.
 *
 * The file is read, changed and replaced in one step, under a lock on its folder. Thread: any.
 */
#pragma once
#include "api/auth/token.h"

/**
 * tokens_create() - make a token and append it to the file (made with mode 0600 where there is
 * none)
 * @expires_s: as in struct token
 * @ret_text:  the token itself; the only time it is seen
 *
 * Made by root, the file belongs to the folder's owner. Return: 0;
 * ALREADY_EXISTS: @name has a token; an error_code.
 */
int tokens_create(const char *path, const char *name, enum agent_role role, int64_t expires_s,
		  char ret_text[static TOKEN_TEXT_LEN + 1], struct error *ret_error);

/** tokens_revoke() - drop the token with that accessor. Return: 0; NOT_FOUND; an error_code */
int tokens_revoke(const char *path, const char *accessor, struct error *ret_error);
