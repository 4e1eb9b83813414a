/* tokens: see tokens.h. Digests, randomness and the constant-time comparison are GnuTLS's. */
#include "api/tokens.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <gnutls/crypto.h>

enum {
	LINE_MAX_BYTES = 256,
	STAMP_MAX = 32,
	SECRET_BYTES = TOKENS_SECRET_LEN / 2,
	ACCESSOR_BYTES = TOKENS_ACCESSOR_LEN / 2,
};
static const char PREFIX[] = "pgc_";

struct tokens {
	struct token *tokens; /* [count] */
	size_t count;
};

static const char *const ROLE_NAMES[] = {
	[AGENT_ROLE_VIEWER] = "viewer",
	[AGENT_ROLE_OPERATOR] = "operator",
	[AGENT_ROLE_ADMIN] = "admin",
};
enum { ROLE_COUNT = sizeof ROLE_NAMES / sizeof *ROLE_NAMES };

enum agent_role tokens_role_parse(const char *text)
{
	for (int role = AGENT_ROLE_VIEWER; role < ROLE_COUNT; role++)
		if (strcmp(text, ROLE_NAMES[role]) == 0)
			return (enum agent_role)role;
	return AGENT_ROLE_NONE;
}

const char *tokens_role_name(enum agent_role role)
{
	return role > AGENT_ROLE_NONE && (int)role < ROLE_COUNT ? ROLE_NAMES[role] : "none";
}

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

static bool name_valid(const char *name)
{
	size_t len = strlen(name);
	if (len == 0 || len > TOKENS_NAME_MAX)
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

static bool digest_of(const char *text, uint8_t digest[static TOKENS_DIGEST_BYTES])
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

static void expiry_print(int64_t expires_s, char text[static STAMP_MAX])
{
	time_t seconds = (time_t)expires_s;
	struct tm utc;
	if (expires_s == INT64_MAX || !gmtime_r(&seconds, &utc))
		strcpy(text, "never");
	else
		strftime(text, STAMP_MAX, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

/* What is wrong with a line, or NULL. */
static const char *parse_line(const char *line, struct token *ret_token)
{
	char accessor[LINE_MAX_BYTES];
	char role[LINE_MAX_BYTES];
	char expires[LINE_MAX_BYTES];
	char digest[LINE_MAX_BYTES];
	char name[LINE_MAX_BYTES];
	int end = -1;
	if (sscanf(line, "%s %s %s %s %s %n", accessor, role, expires, digest, name, &end) != 5 ||
	    end < 0 || line[end])
		return "it is not \"accessor role expires sha256 name\"";
	if (!accessor_valid(accessor))
		return "the accessor is not 8 hex digits";
	ret_token->role = tokens_role_parse(role);
	if (ret_token->role == AGENT_ROLE_NONE)
		return "the role is none of viewer, operator, admin";
	if (!expiry_parse(expires, &ret_token->expires_s))
		return "the expiry is neither \"never\" nor like 2030-01-31T00:00:00Z";
	if (!from_hex(digest, ret_token->digest, TOKENS_DIGEST_BYTES))
		return "the digest is not 64 hex digits";
	if (!name_valid(name))
		return "the name is not 1 to 64 of letters, digits and . _ - @";
	strcpy(ret_token->accessor, accessor);
	strcpy(ret_token->name, name);
	return NULL;
}

static bool make_room(struct tokens *tokens)
{
	struct token *grown = reallocarray(tokens->tokens, tokens->count + 1, sizeof *grown);
	if (grown)
		tokens->tokens = grown;
	return grown;
}

static int read_lines(FILE *file, const char *path, struct tokens *tokens, struct error *ret_error)
{
	char line[LINE_MAX_BYTES];
	for (unsigned int number = 1; fgets(line, sizeof line, file); number++) {
		if (!strchr(line, '\n') && !feof(file))
			return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
					 "%s line %u: longer than %d bytes", path, number,
					 LINE_MAX_BYTES - 2);
		if (line[strspn(line, " \t\r\n")] == '\0' || line[0] == '#')
			continue;
		if (tokens->count == TOKENS_MAX)
			return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
					 "%s: more than %d tokens", path, TOKENS_MAX);
		if (!make_room(tokens))
			return error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
		const char *wrong = parse_line(line, &tokens->tokens[tokens->count]);
		if (wrong)
			return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT, "%s line %u: %s",
					 path, number, wrong);
		tokens->count++;
	}
	if (ferror(file))
		return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION, "%s: cannot be read",
				 path);
	return 0;
}

int tokens_load(const char *path, struct tokens **ret_tokens, struct error *ret_error)
{
	FILE *file = fopen(path, "re");
	struct stat info;
	if (!file || fstat(fileno(file), &info) < 0) {
		int r = error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION, "%s: %s", path,
				  strerror(errno));
		if (file)
			fclose(file);
		return r;
	}
	int r = 0;
	struct tokens *tokens = calloc(1, sizeof *tokens);
	if (!tokens)
		r = error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	else if (info.st_mode & (S_IRWXG | S_IRWXO))
		r = error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION,
			      "%s: others may read or change it (mode %03o); run chmod 600 on it",
			      path, info.st_mode & 0777);
	else
		r = read_lines(file, path, tokens, ret_error);
	fclose(file);
	if (r) {
		tokens_free(tokens);
		return r;
	}
	*ret_tokens = tokens;
	return 0;
}

struct tokens *tokens_free(struct tokens *tokens)
{
	if (tokens)
		free(tokens->tokens);
	free(tokens);
	return NULL;
}

size_t tokens_count(const struct tokens *tokens)
{
	return tokens->count;
}

const struct token *tokens_at(const struct tokens *tokens, size_t index)
{
	return index < tokens->count ? &tokens->tokens[index] : NULL;
}

const struct token *tokens_check(const struct tokens *tokens, const char *presented, int64_t now_s)
{
	uint8_t digest[TOKENS_DIGEST_BYTES];
	const struct token *found = NULL;
	if (strlen(presented) != TOKENS_TEXT_LEN || !digest_of(presented, digest))
		return NULL;
	for (size_t i = 0; i < tokens->count; i++) /* all of them: the time tells nothing */
		if (gnutls_memcmp(tokens->tokens[i].digest, digest, sizeof digest) == 0)
			found = &tokens->tokens[i];
	return found && now_s < found->expires_s ? found : NULL;
}

static bool print_token(FILE *file, const struct token *token)
{
	char expires[STAMP_MAX];
	char digest[2 * TOKENS_DIGEST_BYTES + 1];
	expiry_print(token->expires_s, expires);
	to_hex(token->digest, sizeof token->digest, digest);
	return fprintf(file, "%s %s %s %s %s\n", token->accessor, tokens_role_name(token->role),
		       expires, digest, token->name) > 0;
}

/* The new file takes the old one's place in one step; a reader sees the one or the other. */
static int replace_file(const char *path, const struct tokens *tokens, struct error *ret_error)
{
	char *next = NULL;
	if (asprintf(&next, "%s.new", path) < 0)
		return error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	unlink(next);
	int fd = open(next, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
	bool good = file && fputs("# accessor role expires sha256 name\n", file) >= 0;
	for (size_t i = 0; good && i < tokens->count; i++)
		good = print_token(file, &tokens->tokens[i]);
	good = good && fflush(file) == 0 && fsync(fd) == 0;
	if (file)
		good = fclose(file) == 0 && good;
	else if (fd >= 0)
		close(fd);
	good = good && rename(next, path) == 0;
	int r = good ? 0
		     : error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION,
				 "%s: cannot be written: %s", path, strerror(errno));
	if (!good)
		unlink(next);
	free(next);
	return r;
}

/* Two `pagecastd token` at once: the lock file makes read, change, replace one step. */
static int lock_file(const char *path, int *ret_fd, struct error *ret_error)
{
	char *lock = NULL;
	if (asprintf(&lock, "%s.lock", path) < 0)
		return error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0 && flock(fd, LOCK_EX) == 0) {
		*ret_fd = fd;
		free(lock);
		return 0;
	}
	int r = error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION, "%s: cannot be locked: %s",
			  lock, strerror(errno));
	if (fd >= 0)
		close(fd);
	free(lock);
	return r;
}

static int load_or_empty(const char *path, struct tokens **ret_tokens, struct error *ret_error)
{
	if (access(path, F_OK) == 0 || errno != ENOENT)
		return tokens_load(path, ret_tokens, ret_error);
	*ret_tokens = calloc(1, sizeof **ret_tokens);
	return *ret_tokens ? 0 : error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
}

static int make_token(struct token *token, char text[static TOKENS_TEXT_LEN + 1],
		      struct error *ret_error)
{
	uint8_t random[ACCESSOR_BYTES + SECRET_BYTES];
	char secret[TOKENS_SECRET_LEN + 1];
	if (gnutls_rnd(GNUTLS_RND_KEY, random, sizeof random))
		return error_set(ret_error, ERROR_CODE_INTERNAL, "no randomness");
	to_hex(random, ACCESSOR_BYTES, token->accessor);
	to_hex(random + ACCESSOR_BYTES, SECRET_BYTES, secret);
	snprintf(text, TOKENS_TEXT_LEN + 1, "%s%s_%s", PREFIX, token->accessor, secret);
	if (!digest_of(text, token->digest))
		return error_set(ret_error, ERROR_CODE_INTERNAL, "no SHA-256");
	return 0;
}

static int append_token(const char *path, const struct token *token, struct error *ret_error)
{
	struct tokens *tokens = NULL;
	int r = load_or_empty(path, &tokens, ret_error);
	if (!r && tokens->count == TOKENS_MAX)
		r = error_set(ret_error, ERROR_CODE_RESOURCE_EXHAUSTED,
			      "%s: holds %d tokens already", path, TOKENS_MAX);
	if (!r && !make_room(tokens))
		r = error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	if (!r) {
		tokens->tokens[tokens->count++] = *token;
		r = replace_file(path, tokens, ret_error);
	}
	tokens_free(tokens);
	return r;
}

int tokens_create(const char *path, const char *name, enum agent_role role, int64_t expires_s,
		  char ret_text[static TOKENS_TEXT_LEN + 1], struct error *ret_error)
{
	struct token token = {.role = role, .expires_s = expires_s};
	char text[TOKENS_TEXT_LEN + 1];
	int lock = -1;
	if (!name_valid(name))
		return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
				 "name \"%s\": 1 to %d of letters, digits and . _ - @", name,
				 TOKENS_NAME_MAX);
	strcpy(token.name, name);
	int r = make_token(&token, text, ret_error);
	if (!r)
		r = lock_file(path, &lock, ret_error);
	if (r)
		return r;
	r = append_token(path, &token, ret_error);
	close(lock);
	if (!r)
		strcpy(ret_text, text);
	return r;
}

static int remove_token(struct tokens *tokens, const char *path, const char *accessor,
			struct error *ret_error)
{
	size_t kept = 0;
	for (size_t i = 0; i < tokens->count; i++)
		if (strcmp(tokens->tokens[i].accessor, accessor) != 0)
			tokens->tokens[kept++] = tokens->tokens[i];
	if (kept == tokens->count)
		return error_set(ret_error, ERROR_CODE_NOT_FOUND, "%s: no token \"%s\"", path,
				 accessor);
	tokens->count = kept;
	return replace_file(path, tokens, ret_error);
}

int tokens_revoke(const char *path, const char *accessor, struct error *ret_error)
{
	struct tokens *tokens = NULL;
	int lock = -1;
	int r = lock_file(path, &lock, ret_error);
	if (r)
		return r;
	r = tokens_load(path, &tokens, ret_error);
	if (!r)
		r = remove_token(tokens, path, accessor, ret_error);
	tokens_free(tokens);
	close(lock);
	return r;
}
