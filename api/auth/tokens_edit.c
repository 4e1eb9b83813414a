/* tokens_edit: see tokens_edit.h. */
#include "api/auth/tokens_edit.h"

#include "api/auth/tokens.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

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
	const struct token *token;
	for (size_t i = 0; good && (token = tokens_at(tokens, i)); i++)
		good = token_print(file, token);
	good = good && fflush(file) == 0 && fsync(fd) == 0;
	if (file)
		good = fclose(file) == 0 && good;
	else if (fd >= 0)
		close(fd);
	good = good && rename(next, path) == 0;
	int r = good ? 0
		     : error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION, "%s: cannot write: %s",
				 path, strerror(errno));
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
				    "%s: cannot lock its folder: %s", path, strerror(errno));
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
		return tokens_list(path, ret_tokens, ret_error);
	*ret_tokens = tokens_new();
	return *ret_tokens ? 0 : error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
}

static int check_name_free(const struct tokens *tokens, const char *path, const char *name,
			   struct error *ret_error)
{
	const struct token *token = tokens_named(tokens, name);
	if (!token)
		return 0;
	return error_set(
		ret_error, ERROR_CODE_ALREADY_EXISTS,
		"%s: the name \"%s\" has a token already, %s; jobs belong to names: choose "
		"another, or revoke that one first",
		path, name, token->accessor);
}

static int append_token(const char *path, struct token *token, char text[static TOKEN_TEXT_LEN + 1],
			struct error *ret_error)
{
	struct tokens *tokens = NULL;
	int r = load_or_empty(path, &tokens, ret_error);
	if (!r && tokens_count(tokens) == TOKENS_MAX)
		r = error_set(ret_error, ERROR_CODE_RESOURCE_EXHAUSTED,
			      "%s: already holds the maximum of %d tokens", path, TOKENS_MAX);
	if (!r)
		r = check_name_free(tokens, path, token->name, ret_error);
	if (!r)
		r = token_make(token, text, ret_error);
	while (!r && tokens_find(tokens, token->accessor)) /* one in millions */
		r = token_make(token, text, ret_error);
	if (!r && !tokens_append(tokens, token))
		r = error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	if (!r)
		r = replace_file(path, tokens, ret_error);
	tokens_free(tokens);
	return r;
}

int tokens_create(const char *path, const char *name, enum agent_role role, int64_t expires_s,
		  char ret_text[static TOKEN_TEXT_LEN + 1], struct error *ret_error)
{
	struct token token = {.role = role, .expires_s = expires_s};
	char text[TOKEN_TEXT_LEN + 1];
	int lock = -1;
	if (!token_name_valid(name))
		return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
				 "name \"%s\" is not 1 to %d letters, digits or . _ - @", name,
				 TOKEN_NAME_MAX);
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

int tokens_revoke(const char *path, const char *accessor, struct error *ret_error)
{
	struct tokens *tokens = NULL;
	int lock = -1;
	int r = lock_folder(path, &lock, ret_error);
	if (r)
		return r;
	r = tokens_list(path, &tokens, ret_error);
	if (!r && !tokens_remove(tokens, accessor))
		r = error_set(ret_error, ERROR_CODE_NOT_FOUND, "%s: no token \"%s\"", path,
			      accessor);
	if (!r)
		r = replace_file(path, tokens, ret_error);
	tokens_free(tokens);
	close(lock);
	return r;
}
