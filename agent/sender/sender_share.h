/* sender_share: the job's maximum, shared by its streams. Thread: worker. */
#pragma once
#include "sender/sender_private.h"

/** sender_share() - give each pacer its rate: what was asked, or its fair share of the maximum */
void sender_share(struct sender *sender, int64_t now_ns);
/** sender_share_applies() - is there a maximum to share? */
bool sender_share_applies(const struct sender *sender);
/** sender_share_note() - the rate in force was so until now: for what was asked in the mean */
void sender_share_note(struct sender_stream *stream, int64_t now_ns);
/** sender_share_mean_pps() - what a held stream might send, in the mean over its time */
double sender_share_mean_pps(const struct sender_stream *stream);
