/* sender_path: where the packets go, looked at before and after. Thread: worker. */
#pragma once
#include "sender/sender_private.h"

/** sender_path_find() - routes, links and neighbours of all streams; what cannot be found out stays
 * unknown. Return: 0; -ENOMEM */
int sender_path_find(struct sender *sender);
/** sender_path_field() - of the first stream that goes this way: "streams[0]"; the sender's */
const char *sender_path_field(const struct sender *sender, const struct sender_path *path);
/** sender_path_linger() - wait a little for what comes back: ICMP, neighbours being asked for */
void sender_path_linger(struct sender *sender);
