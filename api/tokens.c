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

void tokens_expiry_print(int64_t expires_s, char text[static TOKENS_EXPIRY_BYTES])
{
	time_t seconds = (time_t)expires_s;
	struct tm utc;
	if (expires_s == INT64_MAX || !gmtime_r(&seconds, &utc))
		strcpy(text, "never");
	else
		strftime(text, TOKENS_EXPIRY_BYTES, "%Y-%m-%dT%H:%M:%SZ", &utc);
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

/* Nobody else may read it or change it, and opening it must not wait. */
static int check_file(int fd, const char *path, bool of_any_owner, struct error *ret_error)
{
	struct stat info;
	if (fstat(fd, &info) < 0)
		return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION, "%s: %s", path,
				 strerror(errno));
	if (!S_ISREG(info.st_mode))
		return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION, "%s: is no plain file",
				 path);
	if (info.st_mode & (S_IRWXG | S_IRWXO))
		return error_set(
			ret_error, ERROR_CODE_FAILED_PRECONDITION,
			"%s: others may read or change it (mode %03o); run chmod 600 on it", path,
			info.st_mode & 0777);
	if (!of_any_owner && info.st_uid != 0 && info.st_uid != geteuid())
		return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION,
				 "%s: belongs to uid %u, who may change it; chown it to uid %u",
				 path, info.st_uid, geteuid());
	return 0;
}

static int open_file(const char *path, bool of_any_owner, FILE **ret_file, struct error *ret_error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ENOENT)
		return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION,
				 "%s: there is no such file; `pagecastd token create --tokens %s "
				 "--name NAME` makes it",
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

/* @of_any_owner: root edits the file of an agent that is somebody else */
static int load(const char *path, bool of_any_owner, struct tokens **ret_tokens,
		struct error *ret_error)
{
	FILE *file = NULL;
	int r = open_file(path, of_any_owner, &file, ret_error);
	if (r)
		return r;
	struct tokens *tokens = calloc(1, sizeof *tokens);
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

int tokens_load(const char *path, struct tokens **ret_tokens, struct error *ret_error)
{
	return load(path, false, ret_tokens, ret_error);
}

int tokens_list(const char *path, struct tokens **ret_tokens, struct error *ret_error)
{
	return load(path, geteuid() == 0, ret_tokens, ret_error);
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

bool tokens_hold(const struct tokens *tokens, const char *accessor, int64_t now_s)
{
	for (size_t i = 0; i < tokens->count; i++)
		if (strcmp(tokens->tokens[i].accessor, accessor) == 0)
			return now_s < tokens->tokens[i].expires_s;
	return false;
}

static bool print_token(FILE *file, const struct token *token)
{
	char expires[TOKENS_EXPIRY_BYTES];
	char digest[2 * TOKENS_DIGEST_BYTES + 1];
	tokens_expiry_print(token->expires_s, expires);
	to_hex(token->digest, sizeof token->digest, digest);
	return fprintf(file, "%s %s %s %s %s\n", token->accessor, tokens_role_name(token->role),
		       expires, digest, token->name) > 0;
}

/* The folder of a path: what is locked, and who a new file is for. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (!slash)
		return strdup(".");
	return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

/* Made by root for an agent that is somebody else: the file stays its owner's, and a new one
 * belongs to the owner of the folder. */
static bool give_to_owner(int fd, const char *path)
{
	struct stat info;
	if (geteuid() != 0)
		return true;
	char *folder = folder_of(path);
	bool known = folder && (stat(path, &info) == 0 || stat(folder, &info) == 0);
	free(folder);
	return known && fchown(fd, info.st_uid, info.st_gid) == 0;
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
	bool good = file && give_to_owner(fd, path) &&
		    fputs("# accessor role expires sha256 name\n", file) >= 0;
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

/* Two `pagecastd token` at once: a lock on the folder makes read, change, replace one step. */
static int lock_folder(const char *path, int *ret_fd, struct error *ret_error)
{
	char *folder = folder_of(path);
	if (!folder)
		return error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd >= 0 && flock(fd, LOCK_EX) == 0
			? 0
			: error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION,
				    "%s: its folder cannot be locked: %s", path, strerror(errno));
	free(folder);
	if (!r)
		*ret_fd = fd;
	else if (fd >= 0)
		close(fd);
	return r;
}

static int load_or_empty(const char *path, struct tokens **ret_tokens, struct error *ret_error)
{
	if (access(path, F_OK) == 0 || errno != ENOENT)
		return load(path, geteuid() == 0, ret_tokens, ret_error);
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

static bool has_accessor(const struct tokens *tokens, const char *accessor)
{
	for (size_t i = 0; i < tokens->count; i++)
		if (strcmp(tokens->tokens[i].accessor, accessor) == 0)
			return true;
	return false;
}

static int append_token(const char *path, struct token *token,
			char text[static TOKENS_TEXT_LEN + 1], struct error *ret_error)
{
	struct tokens *tokens = NULL;
	int r = load_or_empty(path, &tokens, ret_error);
	if (!r && tokens->count == TOKENS_MAX)
		r = error_set(ret_error, ERROR_CODE_RESOURCE_EXHAUSTED,
			      "%s: holds %d tokens already", path, TOKENS_MAX);
	if (!r && !make_room(tokens))
		r = error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	if (!r)
		r = make_token(token, text, ret_error);
	while (!r && has_accessor(tokens, token->accessor)) /* one in millions */
		r = make_token(token, text, ret_error);
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
	int r = lock_folder(path, &lock, ret_error);
	if (r)
		return r;
	r = append_token(path, &token, text, ret_error);
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
	int r = lock_folder(path, &lock, ret_error);
	if (r)
		return r;
	r = load(path, geteuid() == 0, &tokens, ret_error);
	if (!r)
		r = remove_token(tokens, path, accessor, ret_error);
	tokens_free(tokens);
	close(lock);
	return r;
}
