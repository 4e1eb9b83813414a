/*
 * copying: makes a pagecastd of its own, pagecastd_copying, on whose machine vmsplice() copies into
 * the pipe, as a later kernel's may. What is measured with it is what is left then.
 */
#include "base/sys.h"

static bool no_answer(struct sys_hook *hook, enum sys_call call, int fd, size_t len,
		      ssize_t *ret_result)
{
	(void)hook, (void)call, (void)fd, (void)len, (void)ret_result;
	return false;
}

static struct sys_hook copying = {.intercept = no_answer, .vmsplice_copies = true};

/* Ahead of main(), and so of the agent's probe. */
__attribute__((constructor)) static void set_hook(void)
{
	sys_set_hook(&copying);
}
