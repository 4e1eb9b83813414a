/* tokens_change: see tokens_change.h. */
#include "api/auth/tokens_change.h"

#include <stdio.h>
#include <string.h>

static bool is_same(const struct token *a, const struct token *b)
{
	return b && strcmp(a->name, b->name) == 0 && a->role == b->role &&
	       a->expires_s == b->expires_s &&
	       memcmp(a->digest, b->digest, TOKEN_DIGEST_BYTES) == 0;
}

/* What is in @of and not in @others, behind what @text holds. Return: the new length */
static size_t list(char *text, size_t len, const char *title, const struct tokens *of,
		   const struct tokens *others)
{
	const struct token *token;
	size_t count = 0;
	for (size_t i = 0; of && (token = tokens_at(of, i)); i++) {
		if (others && is_same(token, tokens_find(others, token->accessor)))
			continue;
		if (count++ < TOKENS_CHANGE_NAMED)
			len += (size_t)snprintf(text + len, TOKENS_CHANGE_BYTES - len,
						"%s %s (%s, %s)", count == 1 ? title : ",",
						token->name, token->accessor,
						agent_role_name(token->role));
	}
	if (count > TOKENS_CHANGE_NAMED)
		len += (size_t)snprintf(text + len, TOKENS_CHANGE_BYTES - len, " and %zu more",
					count - TOKENS_CHANGE_NAMED);
	return len;
}

void tokens_change(const struct tokens *before, const struct tokens *after,
		   char ret_text[static TOKENS_CHANGE_BYTES])
{
	size_t len =
		(size_t)snprintf(ret_text, TOKENS_CHANGE_BYTES, "%zu tokens", tokens_count(after));
	size_t listed = list(ret_text, len, "; added", after, before);
	listed = list(ret_text, listed, "; removed", before, after);
	if (listed == len)
		snprintf(ret_text + len, TOKENS_CHANGE_BYTES - len, "; none changed");
}
