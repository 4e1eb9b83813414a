/* sender_promise: see sender_promise.h. */
#include "sender/sender_promise.h"

#include "base/util.h"
#include "sender/sender_stream.h"

#include <inttypes.h>

enum { MISSING_NEVER_TOLD = 2 };
#define PART_NEVER_TOLD 0.001

uint64_t sender_promise_missing(const struct sender_stream *stream)
{
	struct pacer_report pace;
	uint64_t run;
	if (pacer_unlimited(stream->pacer) || !sender_stream_open_ended(stream) ||
	    stream->gave_up || stream->cancelled)
		return 0;
	pacer_report(stream->pacer, &pace);
	uint64_t missing = pace.forgiven_packets;
	if (stream->state == SENDER_STREAM_ENDED && stream->end_ns != SENDER_NEVER_NS)
		missing += pacer_due_before(stream->pacer, stream->end_ns,
					    sender_stream_next_len(stream, &run));
	double explained = pace.requested_pps * (double)stream->blocked_ns / CLOCK_NS_PER_S;
	return explained < (double)missing ? missing - (uint64_t)explained : 0;
}

void sender_promise_judge(struct sender *sender)
{
	for (size_t i = 0; i < sender->stream_count; i++) {
		const struct sender_stream *stream = &sender->streams[i];
		uint64_t missing = sender_promise_missing(stream);
		double promised = (double)(account_attempted(&stream->account) + missing);
		if (missing <= MISSING_NEVER_TOLD || (double)missing <= PART_NEVER_TOLD * promised)
			continue;
		problem_add(
			&sender->problems, PROBLEM_RATE_NOT_HELD, PROBLEM_WARNING, stream->field, 0,
			missing,
			"%" PRIu64 " of %.0f packets that the rate promised (%.3g %%) were not "
			"sent: the agent did not get to them in time, as when the machine stalls, "
			"the core is busy, or the rate is beyond what it reaches here",
			missing, promised, 100 * (double)missing / promised);
	}
}
