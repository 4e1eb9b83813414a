/* sender_snapshot: what other threads see of a running job. Thread: worker. */
#pragma once
#include "sender/sender_private.h"

/** sender_snapshot_publish() - show the state of now to other threads */
void sender_snapshot_publish(struct sender *sender, int64_t now_ns);
