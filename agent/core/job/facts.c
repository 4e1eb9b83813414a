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
	       a->packets_requested != b->packets_requested;
}

static bool link_differs(const struct job_facts *a, const struct job_facts *b)
{
	return a->has_link != b->has_link ||
	       (a->has_link && strcmp(a->link.message, b->link.message) != 0);
}

bool facts_take_snapshot(struct job *job, bool *ret_counted)
{
	struct sender_snapshot snapshot;
	struct job_facts *facts = &job->live->facts;
	*ret_counted = false;
	sender_snapshot(job->live->sender, &snapshot);
	if (!snapshot.version)
		return false;
	struct job_facts now = facts_of_snapshot(&snapshot, &job->live->earlier);
	now.current_pps = snapshot.current_pps;
	now.current_bps_l2 = snapshot.current_bps_l2;
	now.refused = snapshot.refused;
	now.refused_stream = snapshot.refused_stream;
	now.refused_error = snapshot.refused_error;
	now.remaining_ns = snapshot.remaining_ns > 0 ? snapshot.remaining_ns : 0;
	memcpy(now.waiting_for, snapshot.waiting_for, sizeof now.waiting_for);
	now.has_link = sender_link_now(job->live->sender, &now.link);
	*ret_counted = counts_differ(&now.account, &facts->account) || link_differs(&now, facts);
	if (!*ret_counted && strcmp(now.waiting_for, facts->waiting_for) == 0 &&
	    now.current_pps == facts->current_pps)
		return false;
	*facts = now;
	return true;
}
