/* live: see live.h. */
#include "api/live/live.h"

#include "api/http/request.h"
#include "api/live/event_cache.h"
#include "api/live/wait.h"

#include <stdlib.h>

int live_start(struct live **ret_live, struct agent *agent, struct error *ret_error)
{
	struct live *live = calloc(1, sizeof *live);
	if (live)
		live->cache = event_cache_new();
	int r = live && live->cache ? waits_start(&live->waits, ret_error)
				    : error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	if (r) {
		live_free(live);
		return r;
	}
	live->agent = agent;
	agent_set_listener(agent, waits_changed, live->waits);
	*ret_live = live;
	return 0;
}

struct live *live_of(const struct request *request)
{
	return request->context->live;
}

void live_finish(struct live *live)
{
	waits_finish(live->waits);
}

struct live *live_free(struct live *live)
{
	if (!live)
		return NULL;
	if (live->agent)
		agent_set_listener(live->agent, NULL, NULL);
	waits_free(live->waits);
	event_cache_free(live->cache);
	free(live);
	return NULL;
}
