/*
 * feed: whether anything changed among an agent's jobs, by its live events (GET /v1/events).
 *
 * An event only says that it is time to look. A feed that was cut off reconnects automatically
 * after the last event it saw. If the agent refuses the stream, the feed says "changed" from time
 * to time, so that the caller's request shows the reason. One thread; moved by http_wait().
 */
#pragma once
#include "client.h"

struct feed;

/** feed_new() - @client and @peer are borrowed */
struct feed *feed_new(const struct client *client, const struct http_peer *peer);
struct feed *feed_free(struct feed *feed);

/** feed_look() - connect or reconnect when it is time to. Return: false: it was cut off less than
 * CLIENT_LOST_S ago, and a request would only fail */
bool feed_look(struct feed *feed);
/** feed_changed() - since the last call; true at first */
bool feed_changed(struct feed *feed);
