/*
 * sender_problems: what is to be said about a job besides its counts: counted while it sends, put
 * into words at the end. Thread: worker.
 */
#pragma once
#include "sender/sender_private.h"

/** sender_problems_refused() - @packets of @stream were refused with @error, a positive errno */
void sender_problems_refused(struct sender_stream *stream, int error, uint64_t packets);
/** sender_problems_read_async() - read the error queues of the next @most flows that sent, in turn
 */
void sender_problems_read_async(struct sender *sender, size_t most);
/** sender_problems_collect() - everything that is to be said at the end */
void sender_problems_collect(struct sender *sender);
/** sender_problems_code() - which of the closed list a positive errno of sending is */
enum problem_code sender_problems_code(int error);
