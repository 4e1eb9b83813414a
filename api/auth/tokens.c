/* tokens: see tokens.h. The constant-time comparison is GnuTLS's. */
#include "api/auth/tokens.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gnutls/gnutls.h>

struct tokens {
	struct token *tokens; /* [count] */
	size_t count;
};

struct tokens *tokens_new(void)
{
	return calloc(1, sizeof(struct tokens));
}

bool tokens_append(struct tokens *tokens, const struct token *token)
{
	struct token *grown = reallocarray(tokens->tokens, tokens->count + 1, sizeof *grown);
	if (!grown)
		return false;
	grown[tokens->count++] = *token;
	tokens->tokens = grown;
	return true;
}

static int read_lines(FILE *file, const char *path, struct tokens *tokens, struct error *ret_error)
{
	char line[TOKEN_LINE_MAX_BYTES];
	for (unsigned int number = 1; fgets(line, sizeof line, file); number++) {
		if (!strchr(line, '\n') && !feof(file))
			return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
					 "%s line %u: longer than %d bytes", path, number,
					 TOKEN_LINE_MAX_BYTES - 2);
		if (line[strspn(line, " \t\r\n")] == '\0' || line[0] == '#')
			continue;
		if (tokens->count == TOKENS_MAX)
			return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
					 "%s: more than %d tokens", path, TOKENS_MAX);
		struct token token;
		const char *wrong = token_parse(line, &token);
		if (wrong)
			return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT, "%s line %u: %s",
					 path, number, wrong);
		token.line = number;
		if (!tokens_append(tokens, &token))
			return error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	}
	if (ferror(file))
		return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION, "%s: read error", path);
	return 0;
}

/* Nobody else may read it or change it, and opening it must not wait. */
static int check_file(int fd, const char *path, bool of_any_owner, struct error *ret_error)
{
	struct stat info;
	if (fstat(fd, &info) < 0)
		return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION, "%s: %s", path,
				 strerror(errno));
	if (!S_ISREG(info.st_mode))
		return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION,
				 "%s: not a regular file", path);
	if (info.st_mode & (S_IRWXG | S_IRWXO))
		return error_set(
			ret_error, ERROR_CODE_FAILED_PRECONDITION,
			"%s: others may read or change it (mode %03o); run chmod 600 on it", path,
			info.st_mode & 0777);
	if (!of_any_owner && info.st_uid != 0 && info.st_uid != geteuid())
		return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION,
				 "%s: belongs to uid %u, who could change it; chown it to uid %u",
				 path, info.st_uid, geteuid());
	return 0;
}

static int open_file(const char *path, bool of_any_owner, FILE **ret_file, struct error *ret_error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ENOENT)
		return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION,
				 "%s: no such file; `pagecastd token create --tokens %s "
				 "--name NAME` creates it",
				 path, path);
	if (fd < 0)
		return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION, "%s: %s", path,
				 strerror(errno));
	int r = check_file(fd, path, of_any_owner, ret_error);
	FILE *file = r ? NULL : fdopen(fd, "r");
	if (!file) {
		close(fd);
		return r ? r : error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	}
	*ret_file = file;
	return 0;
}

static int read_file(const char *path, bool of_any_owner, struct tokens **ret_tokens,
		     struct error *ret_error)
{
	FILE *file = NULL;
	int r = open_file(path, of_any_owner, &file, ret_error);
	if (r)
		return r;
	struct tokens *tokens = tokens_new();
	r = tokens ? read_lines(file, path, tokens, ret_error)
		   : error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	fclose(file);
	if (r) {
		tokens_free(tokens);
		return r;
	}
	*ret_tokens = tokens;
	return 0;
}

static const struct token *token_of(const void *item)
{
	return *(const struct token *const *)item;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(token_of(a)->name, token_of(b)->name);
}

static int compare_accessors(const void *a, const void *b)
{
	return strcmp(token_of(a)->accessor, token_of(b)->accessor);
}

static int compare_digests(const void *a, const void *b)
{
	return memcmp(token_of(a)->digest, token_of(b)->digest, TOKEN_DIGEST_BYTES);
}

/* @sorted: [count] the tokens, in any order */
static int check_unlike(const struct token **sorted, size_t count, const char *path,
			int (*compare)(const void *a, const void *b), const char *what,
			struct error *ret_error)
{
	qsort(sorted, count, sizeof(void *), compare);
	for (size_t i = 1; i < count; i++) {
		const struct token *a = sorted[i - 1], *b = sorted[i];
		if (compare(&sorted[i - 1], &sorted[i]) != 0)
			continue;
		return error_set(
			ret_error, ERROR_CODE_INVALID_ARGUMENT,
			"%s lines %u and %u: tokens %s (%s) and %s (%s) have the same %s; "
			"each needs its own, `pagecastd token revoke ACCESSOR` removes one",
			path, a->line < b->line ? a->line : b->line,
			a->line < b->line ? b->line : a->line, a->accessor, a->name, b->accessor,
			b->name, what);
	}
	return 0;
}

static int check_unique(const struct tokens *tokens, const char *path, struct error *ret_error)
{
	const struct token **sorted = calloc(tokens->count + 1, sizeof(void *));
	if (!sorted)
		return error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	for (size_t i = 0; i < tokens->count; i++)
		sorted[i] = &tokens->tokens[i];
	int r = check_unlike(sorted, tokens->count, path, compare_names, "name", ret_error);
	if (!r)
		r = check_unlike(sorted, tokens->count, path, compare_accessors, "accessor",
				 ret_error);
	if (!r)
		r = check_unlike(sorted, tokens->count, path, compare_digests, "digest", ret_error);
	free(sorted);
	return r;
}

int tokens_load(const char *path, struct tokens **ret_tokens, struct error *ret_error)
{
	struct tokens *tokens = NULL;
	int r = read_file(path, false, &tokens, ret_error);
	if (!r)
		r = check_unique(tokens, path, ret_error);
	if (r)
		tokens_free(tokens);
	else
		*ret_tokens = tokens;
	return r;
}

int tokens_list(const char *path, struct tokens **ret_tokens, struct error *ret_error)
{
	return read_file(path, geteuid() == 0, ret_tokens, ret_error);
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

const struct token *tokens_find_presented(const struct tokens *tokens, const char *presented)
{
	uint8_t digest[TOKEN_DIGEST_BYTES];
	const struct token *found = NULL;
	if (strlen(presented) != TOKEN_TEXT_LEN || !token_digest(presented, digest))
		return NULL;
	for (size_t i = 0; i < tokens->count; i++) /* all of them: the time taken reveals nothing */
		if (gnutls_memcmp(tokens->tokens[i].digest, digest, sizeof digest) == 0)
			found = &tokens->tokens[i];
	return found;
}

const struct token *tokens_check(const struct tokens *tokens, const char *presented, int64_t now_s)
{
	const struct token *found = tokens_find_presented(tokens, presented);
	return found && now_s < found->expires_s ? found : NULL;
}

const struct token *tokens_find(const struct tokens *tokens, const char *accessor)
{
	for (size_t i = 0; i < tokens->count; i++)
		if (strcmp(tokens->tokens[i].accessor, accessor) == 0)
			return &tokens->tokens[i];
	return NULL;
}

const struct token *tokens_named(const struct tokens *tokens, const char *name)
{
	for (size_t i = 0; i < tokens->count; i++)
		if (strcmp(tokens->tokens[i].name, name) == 0)
			return &tokens->tokens[i];
	return NULL;
}

bool tokens_hold(const struct tokens *tokens, const char *accessor, int64_t now_s)
{
	const struct token *token = tokens_find(tokens, accessor);
	return token && now_s < token->expires_s;
}

bool tokens_remove(struct tokens *tokens, const char *accessor)
{
	const struct token *token = tokens_find(tokens, accessor);
	if (!token)
		return false;
	size_t index = (size_t)(token - tokens->tokens);
	tokens->count--;
	memmove(&tokens->tokens[index], &tokens->tokens[index + 1],
		(tokens->count - index) * sizeof *tokens->tokens);
	return true;
}
