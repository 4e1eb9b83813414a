/* policy_file: see policy_file.h. */
#include "core/run/policy_file.h"

#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum { BYTES_MAX = 1 << 20 }; /* 5 lists of 1,024 entries of 45 characters are 230 KB */

static int read_file(const char *file, char **ret_text, size_t *ret_len, struct error *ret_error)
{
	_cleanup_close_ int fd = open(file, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *text = malloc(BYTES_MAX + 1);
	if (fd < 0 || !text)
		return error_set(ret_error, ERROR_CODE_NOT_FOUND, "policy file %s: %s", file,
				 fd < 0 ? strerror(errno) : "out of memory");
	size_t len = 0;
	for (ssize_t n = 1; n > 0 && len <= BYTES_MAX; len += (size_t)MAX(n, 0)) {
		n = read(fd, text + len, BYTES_MAX + 1 - len);
		if (n < 0)
			return error_set(ret_error, ERROR_CODE_NOT_FOUND, "policy file %s: %s",
					 file, strerror(errno));
	}
	if (len > BYTES_MAX)
		return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
				 "policy file %s: longer than %d bytes", file, BYTES_MAX);
	*ret_text = TAKE_PTR(text);
	*ret_len = len;
	return 0;
}

/* The violations of the file stay, the message says which file. */
static int name_file(const char *file, struct error *fault, struct error *ret_error)
{
	error_move(ret_error, fault);
	char *message = NULL;
	if (asprintf(&message, "policy file %s: %s", file, error_message(ret_error)) >= 0) {
		free(ret_error->message);
		ret_error->message = message;
	}
	return (int)ret_error->code;
}

int policy_file_load(const struct agent *agent, struct policy **ret_policy, struct error *ret_error)
{
	_cleanup_error_ struct error fault = ERROR_NULL;
	_cleanup_free_ char *text = NULL;
	Pagecast__V1__Policy *message = NULL;
	size_t len = 0;
	if (!agent->policy_file)
		return policy_new(ret_policy, NULL, ret_error);
	int r = read_file(agent->policy_file, &text, &len, ret_error);
	if (r)
		return r;
	r = agent->parse_policy(text, len, &message, &fault);
	if (!r)
		r = policy_new(ret_policy, message, &fault);
	if (message)
		pagecast__v1__policy__free_unpacked(message, NULL);
	return r ? name_file(agent->policy_file, &fault, ret_error) : 0;
}
