/*
 * live: what the live answers of a server share: the requests that are held, and the events made
 * last.
 *
 * Belongs to the server, which puts it into the context of its requests.
 */
#pragma once
#include "pagecast/agent.h"
#include "pagecast/error.h"

struct event_cache;
struct request;
struct waits;

struct live {
	struct agent *agent; /* borrowed; its listener is .waits */
	struct waits *waits;
	struct event_cache *cache;
};

/** live_start() - from here on changes of @agent wake who waits for them */
int live_start(struct live **ret_live, struct agent *agent, struct error *ret_error);

/** live_of() - that of the server which @request came to */
struct live *live_of(const struct request *request);

/** live_finish() - answer what is held as things stand; nothing is held any more */
void live_finish(struct live *live);
/** live_free() - after live_finish(), and when nothing calls the agent any more. Return: NULL */
struct live *live_free(struct live *live);
