/* event_cache: see event_cache.h. */
#include "api/live/event_cache.h"

#include "api/codec/json_write.h"
#include "api/codec/wire.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { CACHE_EVENTS = 16, CACHE_EVENT_BYTES_MAX = 64 * 1024 };

struct cached_event {
	char id[sizeof((struct agent_change *)0)->id];
	uint64_t revision;
	bool deleted, full;
	enum event_codec codec;
	char *data; /* owned; NULL: empty slot */
	size_t len;
};

struct event_cache {
	pthread_mutex_t lock;
	struct cached_event events[CACHE_EVENTS]; /* ring */
	size_t next;
};

struct event_cache *event_cache_new(void)
{
	struct event_cache *cache = calloc(1, sizeof *cache);
	if (cache)
		pthread_mutex_init(&cache->lock, NULL);
	return cache;
}

struct event_cache *event_cache_free(struct event_cache *cache)
{
	if (!cache)
		return NULL;
	for (size_t i = 0; i < CACHE_EVENTS; i++)
		free(cache->events[i].data);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
	return NULL;
}

static struct cached_event *find(struct event_cache *cache, const struct cached_event *wanted)
{
	for (size_t i = 0; i < CACHE_EVENTS; i++) {
		struct cached_event *event = &cache->events[i];
		if (event->data && event->revision == wanted->revision &&
		    event->deleted == wanted->deleted && event->full == wanted->full &&
		    event->codec == wanted->codec && strcmp(event->id, wanted->id) == 0)
			return event;
	}
	return NULL;
}

static int make(struct agent *agent, const struct agent_change *change, struct cached_event *event,
		struct error *ret_error)
{
	Pagecast__V1__JobEvent *message;
	uint8_t *packed = NULL;
	int r = agent_watch_event(agent, change, event->full, &message, ret_error);
	if (r)
		return r;
	if (event->codec == EVENT_PROTOBUF)
		r = wire_write(&message->base, &packed, &event->len, ret_error);
	else
		r = json_write(&message->base,
			       event->codec == EVENT_JSON ? JSON_CANONICAL : JSON_WITH_ZEROS,
			       &event->data, &event->len, ret_error);
	if (packed)
		event->data = (char *)packed;
	protobuf_c_message_free_unpacked(&message->base, NULL);
	return r;
}

int event_cache_put(struct event_cache *cache, struct agent *agent,
		    const struct agent_change *change, bool full, enum event_codec codec,
		    struct json_buffer *out, struct error *ret_error)
{
	struct cached_event wanted = {
		.revision = change->revision,
		.deleted = change->deleted,
		.full = full,
		.codec = codec,
	};
	memcpy(wanted.id, change->id, sizeof wanted.id);
	int r = 0;
	pthread_mutex_lock(&cache->lock);
	struct cached_event *found = find(cache, &wanted);
	if (!found) {
		r = make(agent, change, &wanted, ret_error);
		if (!r && wanted.len <= CACHE_EVENT_BYTES_MAX) {
			found = &cache->events[cache->next++ % CACHE_EVENTS];
			free(found->data);
			*found = wanted;
		}
	}
	if (!r)
		json_buffer_append(out, found ? found->data : wanted.data,
				   found ? found->len : wanted.len);
	pthread_mutex_unlock(&cache->lock);
	if (!r && !found)
		free(wanted.data);
	return r;
}
