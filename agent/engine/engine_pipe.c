/* engine_pipe: see engine_pipe.h. */
#include "engine/engine_pipe.h"

#include "base/sys.h"
#include "base/util.h"
#include "engine/train.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>

int engine_pipe_open(struct engine_pipe *pipe, uint32_t slots_min)
{
	int fds[2];
	int r = sys_pipe(fds, O_CLOEXEC | O_NONBLOCK);
	if (r < 0)
		return r;
	struct engine_pipe opened = {.out = fds[0], .in = fds[1], .null = -1};
	fcntl(opened.in, F_SETPIPE_SZ, ENGINE_PIPE_SLOTS * PAGES_PAGE_BYTES); /* may be refused */
	r = fcntl(opened.in, F_GETPIPE_SZ);
	opened.slots = r > 0 ? (uint32_t)r / PAGES_PAGE_BYTES : 0;
	opened.null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	r = opened.null < 0 ? -errno : opened.slots < slots_min ? -ENOBUFS : 0;
	if (r < 0)
		engine_pipe_close(&opened);
	else
		*pipe = opened;
	return r;
}

void engine_pipe_close(struct engine_pipe *pipe)
{
	util_close_fd(&pipe->out);
	util_close_fd(&pipe->in);
	util_close_fd(&pipe->null);
	pipe->slots = 0;
}

int engine_pipe_settle(struct engine_pipe *pipe, struct engine_counters *counters)
{
	int inside = 0;
	for (int i = 0; i < 3; i++) {
		counters->syscalls++;
		if (ioctl(pipe->out, FIONREAD, &inside) < 0)
			break;
		if (inside == 0)
			return 0;
		counters->syscalls++;
		if (sys_splice(pipe->out, pipe->null, (size_t)inside, SPLICE_F_NONBLOCK) < 0)
			break;
	}
	engine_pipe_close(pipe);
	counters->syscalls += 2;
	return engine_pipe_ready(pipe);
}

int engine_pipe_ready(struct engine_pipe *pipe)
{
	return pipe->out >= 0 ? 0 : engine_pipe_open(pipe, TRAIN_PIPE_BUFFERS);
}
