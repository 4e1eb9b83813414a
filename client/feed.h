/*
 * feed: whether anything changed among an agent's jobs, by its live events (GET /v1/events).
 *
 * The events only say that it is time to look. A feed that is cut off comes back by itself and
 * resumes behind the last event it saw; where the agent has no stream for us it says "changed" once
 * in a while instead, so that whoever looks then hears why. One thread; moved by http_wait().
 */
#pragma once
#include "client.h"

struct feed;

/** feed_new() - @client and @peer are borrowed */
struct feed *feed_new(const struct client *client, const struct http_peer *peer);
struct feed *feed_free(struct feed *feed);

/** feed_look() - begin or resume where it is time to. Return: false: cut off, and not for long yet:
 * a look at the jobs would only fail */
bool feed_look(struct feed *feed);
/** feed_changed() - since the last call; true at first */
bool feed_changed(struct feed *feed);
