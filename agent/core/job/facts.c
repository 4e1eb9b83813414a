/* facts: see facts.h. */
#include "core/job/facts.h"

#include "core/job/resume.h"

#include <string.h>

struct job_facts facts_of_snapshot(const struct sender_snapshot *snapshot,
				   const struct job_earlier *earlier)
{
	struct job_facts facts = {
		.account = snapshot->account,
		.account_ns = snapshot->taken_ns,
		.first_packet_ns = snapshot->first_packet_ns,
		.fraction = snapshot->fraction,
	};
	resume_add_facts(earlier, &facts);
	return facts;
}

static bool counts_differ(const struct account *a, const struct account *b)
{
	return account_attempted(a) != account_attempted(b) ||
	       a->packets_requested != b->packets_requested ||
	       a->packets_cancelled != b->packets_cancelled;
}

static bool link_differs(const struct job_facts *a, const struct job_facts *b)
{
	return a->has_link != b->has_link ||
	       (a->has_link && strcmp(a->link.message, b->link.message) != 0);
}

/* Until it publishes, a sender has said nothing of its streams. */
static void streams_wait(struct job_live *live)
{
	for (size_t i = 0; i < live->stream_count; i++)
		live->streams[i].state = PAGECAST__V1__STREAM_STATE__STREAM_STATE_WAITING;
}

/* What a sender published last; of its streams into @live's. */
static void read_sender(struct job_live *live, struct sender_snapshot *ret_snapshot)
{
	sender_snapshot_streams(live->sender, ret_snapshot, live->streams);
	if (!ret_snapshot->version)
		streams_wait(live);
	resume_add_streams(&live->earlier, live->streams, live->stream_count);
}

static void add_fraction(const struct job_live *live, struct job_facts *facts)
{
	facts->fraction =
		resume_fraction(&live->earlier, live->streams, live->stream_count, facts->fraction);
}

void facts_suspend(struct job *job)
{
	struct sender_snapshot snapshot;
	read_sender(job->live, &snapshot);
	job->live->facts = facts_of_snapshot(&snapshot, &job->live->earlier);
	add_fraction(job->live, &job->live->facts);
}

bool facts_take_snapshot(struct job *job, bool *ret_counted)
{
	struct sender_snapshot snapshot;
	struct job_live *live = job->live;
	struct job_facts *facts = &live->facts;
	*ret_counted = false;
	read_sender(live, &snapshot);
	if (!snapshot.version)
		return false;
	struct job_facts now = facts_of_snapshot(&snapshot, &live->earlier);
	add_fraction(live, &now);
	now.current_pps = snapshot.current_pps;
	now.current_bps_l2 = snapshot.current_bps_l2;
	now.refused = snapshot.refused;
	now.refused_stream = snapshot.refused_stream;
	now.refused_error = snapshot.refused_error;
	now.remaining_ns = snapshot.remaining_ns > 0 ? snapshot.remaining_ns : 0;
	memcpy(now.waiting_for, snapshot.waiting_for, sizeof now.waiting_for);
	now.has_link = sender_link_now(live->sender, &now.link);
	*ret_counted = counts_differ(&now.account, &facts->account) || link_differs(&now, facts);
	if (!*ret_counted && strcmp(now.waiting_for, facts->waiting_for) == 0 &&
	    now.current_pps == facts->current_pps)
		return false;
	*facts = now;
	return true;
}
