/* token: see token.h. */
#include "api/auth/token.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <gnutls/crypto.h>

enum {
	SECRET_BYTES = TOKEN_SECRET_LEN / 2,
	ACCESSOR_BYTES = TOKEN_ACCESSOR_LEN / 2,
};

static void to_hex(const uint8_t *data, size_t len, char *text)
{
	static const char HEX[] = "0123456789abcdef";
	for (size_t i = 0; i < len; i++) {
		text[2 * i] = HEX[data[i] >> 4];
		text[2 * i + 1] = HEX[data[i] & 15];
	}
	text[2 * len] = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool from_hex(const char *text, uint8_t *data, size_t len)
{
	if (strlen(text) != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++) {
		int high = hex_digit(text[2 * i]);
		int low = hex_digit(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		data[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

bool token_name_valid(const char *name)
{
	size_t len = strlen(name);
	if (len == 0 || len > TOKEN_NAME_MAX)
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("._-@", *name))
			return false;
	return true;
}

static bool accessor_valid(const char *accessor)
{
	uint8_t bytes[ACCESSOR_BYTES];
	return from_hex(accessor, bytes, sizeof bytes);
}

bool token_claim(const char *presented, char ret_accessor[static TOKEN_ACCESSOR_LEN + 1])
{
	static const char DIGITS[] = "0123456789abcdef";
	if (strlen(presented) != TOKEN_TEXT_LEN ||
	    strncmp(presented, TOKEN_PREFIX, strlen(TOKEN_PREFIX)) != 0)
		return false;
	const char *accessor = presented + strlen(TOKEN_PREFIX);
	if (strspn(accessor, DIGITS) != TOKEN_ACCESSOR_LEN || accessor[TOKEN_ACCESSOR_LEN] != '_')
		return false;
	snprintf(ret_accessor, TOKEN_ACCESSOR_LEN + 1, "%s", accessor);
	return true;
}

bool token_digest(const char *text, uint8_t digest[static TOKEN_DIGEST_BYTES])
{
	return gnutls_hash_fast(GNUTLS_DIG_SHA256, text, strlen(text), digest) == 0;
}

static bool expiry_parse(const char *text, int64_t *ret_s)
{
	struct tm utc = {0};
	if (strcmp(text, "never") == 0) {
		*ret_s = INT64_MAX;
		return true;
	}
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &utc);
	if (!end || *end)
		return false;
	*ret_s = timegm(&utc);
	return true;
}

void token_expiry_print(int64_t expires_s, char text[static TOKEN_EXPIRY_BYTES])
{
	time_t seconds = (time_t)expires_s;
	struct tm utc;
	if (expires_s == INT64_MAX || !gmtime_r(&seconds, &utc))
		strcpy(text, "never");
	else
		strftime(text, TOKEN_EXPIRY_BYTES, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

const char *token_parse(const char *line, struct token *ret_token)
{
	char accessor[TOKEN_LINE_MAX_BYTES];
	char role[TOKEN_LINE_MAX_BYTES];
	char expires[TOKEN_LINE_MAX_BYTES];
	char digest[TOKEN_LINE_MAX_BYTES];
	char name[TOKEN_LINE_MAX_BYTES];
	int end = -1;
	if (sscanf(line, "%s %s %s %s %s %n", accessor, role, expires, digest, name, &end) != 5 ||
	    end < 0 || line[end])
		return "the line is not of the form \"accessor role expires sha256 name\"";
	if (!accessor_valid(accessor))
		return "the accessor is not 8 hex digits";
	ret_token->role = agent_role_parse(role);
	if (ret_token->role == AGENT_ROLE_NONE)
		return "the role is not viewer, operator or admin";
	if (!expiry_parse(expires, &ret_token->expires_s))
		return "the expiry is not \"never\" and not a time such as 2030-01-31T00:00:00Z";
	if (!from_hex(digest, ret_token->digest, TOKEN_DIGEST_BYTES))
		return "the digest is not 64 hex digits";
	if (!token_name_valid(name))
		return "the name is not 1 to 64 letters, digits or . _ - @";
	strcpy(ret_token->accessor, accessor);
	strcpy(ret_token->name, name);
	ret_token->line = 0;
	return NULL;
}

bool token_print(FILE *file, const struct token *token)
{
	char expires[TOKEN_EXPIRY_BYTES];
	char digest[2 * TOKEN_DIGEST_BYTES + 1];
	token_expiry_print(token->expires_s, expires);
	to_hex(token->digest, sizeof token->digest, digest);
	return fprintf(file, "%s %s %s %s %s\n", token->accessor, agent_role_name(token->role),
		       expires, digest, token->name) > 0;
}

int token_make(struct token *token, char ret_text[static TOKEN_TEXT_LEN + 1],
	       struct error *ret_error)
{
	uint8_t random[ACCESSOR_BYTES + SECRET_BYTES];
	char secret[TOKEN_SECRET_LEN + 1];
	if (gnutls_rnd(GNUTLS_RND_KEY, random, sizeof random))
		return error_set(ret_error, ERROR_CODE_INTERNAL, "system entropy is not available");
	to_hex(random, ACCESSOR_BYTES, token->accessor);
	to_hex(random + ACCESSOR_BYTES, SECRET_BYTES, secret);
	snprintf(ret_text, TOKEN_TEXT_LEN + 1, "%s%s_%s", TOKEN_PREFIX, token->accessor, secret);
	if (!token_digest(ret_text, token->digest))
		return error_set(ret_error, ERROR_CODE_INTERNAL, "SHA-256 is not available");
	return 0;
}
