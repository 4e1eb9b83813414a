/* links: see links.h. */
#include "core/run/links.h"

#include "base/log.h"
#include "base/util.h"
#include "core/state/agent.h"
#include "net/link_watch.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void lost(int error)
{
	log_event(LOG_LEVEL_WARN, "links_not_watched", "error", strerror(error), "next",
		  "a job knows of its interfaces only how they were at its start and its end",
		  NULL);
}

bool links_open(struct agent *agent)
{
	struct link_listener *links = &agent->links;
	int r = link_watch_open(&links->kernel);
	if (r < 0) {
		lost(-r);
		return false;
	}
	links->stop = eventfd(0, EFD_CLOEXEC);
	if (links->stop < 0) {
		lost(errno);
		links_close(agent);
		return false;
	}
	return true;
}

static void tell(void *context, const struct link_change *change)
{
	struct agent *agent = context;
	agent_lock(agent);
	int64_t now_ns = clock_realtime_ns(agent->clock);
	for (size_t i = 0; i < agent->worker_count; i++) {
		const struct job *job = agent->workers[i].job;
		if (job && job->live && job->live->sender && !job->live->ending)
			sender_link_changed(job->live->sender, change, now_ns);
	}
	agent_unlock(agent);
}

void *links_main(void *context)
{
	struct agent *agent = context;
	struct link_listener *links = &agent->links;
	struct pollfd fds[] = {{.fd = links->kernel, .events = POLLIN},
			       {.fd = links->stop, .events = POLLIN}};
	pthread_setname_np(pthread_self(), "links");
	while (poll(fds, ARRAY_SIZE(fds), -1) < 0 || !fds[1].revents) {
		int r = link_watch_read(links->kernel, tell, agent);
		if (r < 0) {
			lost(-r);
			break;
		}
	}
	return NULL;
}

void links_stop(struct agent *agent)
{
	eventfd_write(agent->links.stop, 1);
}

void links_close(struct agent *agent)
{
	if (agent->links.kernel >= 0)
		close(agent->links.kernel);
	if (agent->links.stop >= 0)
		close(agent->links.stop);
	agent->links.kernel = agent->links.stop = -1;
}
