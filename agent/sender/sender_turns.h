/* sender_turns: the send loop of one job. Thread: worker. */
#pragma once
#include "sender/sender_private.h"

/** sender_turns_run() - turns until sender->end is set */
void sender_turns_run(struct sender *sender);
