/* tokens_change: what a new tokens file brings and takes, in words for the log. No state. */
#pragma once
#include "api/auth/tokens.h"

enum { TOKENS_CHANGE_BYTES = 640, TOKENS_CHANGE_NAMED = 3 };

/**
 * tokens_change() - "5 tokens; added ci (1a2b3c4d, operator); removed eve (…) and 2 more"
 * @before: NULL: none
 *
 * A token whose line changed is removed and added.
 */
void tokens_change(const struct tokens *before, const struct tokens *after,
		   char ret_text[static TOKENS_CHANGE_BYTES]);
