/*
 * debian_node: preloaded into Debian's Node.js where it was unpacked instead of installed.
 *
 * Debian's build reads some of its own modules (fetch among them) from /usr/share/nodejs at every
 * start and ends without them. Whatever it opens there is opened below $PAGECAST_NODE_ROOT.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char FOLDER[] = "/usr/share/nodejs/";

typedef int (*open_function)(const char *path, int flags, ...);

static int reopen(const char *name, const char *path, int flags, va_list args)
{
	open_function next = (open_function)dlsym(RTLD_NEXT, name);
	const char *root = getenv("PAGECAST_NODE_ROOT");
	char moved[4096];
	int len = 0;
	unsigned int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, unsigned int) : 0;
	if (root && strncmp(path, FOLDER, sizeof FOLDER - 1) == 0)
		len = snprintf(moved, sizeof moved, "%s%s", root, path);
	return next(len > 0 && (size_t)len < sizeof moved ? moved : path, flags, mode);
}

int open(const char *path, int flags, ...)
{
	va_list args;
	va_start(args, flags);
	int fd = reopen("open", path, flags, args);
	va_end(args);
	return fd;
}

int open64(const char *path, int flags, ...)
{
	va_list args;
	va_start(args, flags);
	int fd = reopen("open64", path, flags, args);
	va_end(args);
	return fd;
}
