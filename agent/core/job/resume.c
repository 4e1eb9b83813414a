/* resume: see resume.h. */
#include "core/job/resume.h"

#include "base/util.h"
#include "core/job/record.h"

#include <errno.h>
#include <string.h>

/* An account that a later one can be added to: what was asked for and not tried is asked for again.
 */
static struct account attempted_only(const struct account *from)
{
	struct account account = *from;
	account.packets_requested = account_attempted(from);
	account.packets_cancelled = 0;
	return account;
}

int resume_read(struct job *job)
{
	struct job_live *live = job->live;
	struct job_earlier *earlier = &live->earlier;
	struct job_facts facts;
	int r = record_read(live->record, &facts, &earlier->streams, &earlier->stream_count);
	if (r < 0)
		return r;
	bool exact = facts.end_ns != 0;
	if (exact) {
		struct blob *record = record_without_end(live->record);
		if (!record)
			return -ENOMEM;
		earlier->exact = live->record;
		live->record = record;
	}
	bool had_begun = job->state == PAGECAST__V1__JOB_STATE__JOB_STATE_RUNNING ||
			 job->state == PAGECAST__V1__JOB_STATE__JOB_STATE_PAUSED ||
			 earlier->stream_count;
	earlier->paused = job->state == PAGECAST__V1__JOB_STATE__JOB_STATE_PAUSED;
	earlier->repeats = had_begun && !exact;
	if (!earlier->stream_count)
		return 0;
	facts.account = (struct account){0};
	facts.end_ns = 0;
	for (size_t i = 0; i < earlier->stream_count; i++) {
		struct account *stream = &earlier->streams[i].account;
		account_add(&facts.account, stream);
		*stream = attempted_only(stream);
		account_add(&earlier->account, stream);
	}
	facts.account.packets_cancelled = 0; /* the rest is asked for again */
	earlier->first_packet_ns = facts.first_packet_ns;
	live->facts = facts;
	live->start_ns = 0; /* it has started */
	live->start_tolerance_ns = -1;
	return 0;
}

static void shorten_stream(struct plan_stream *stream, const struct sender_progress *earlier,
			   int64_t passed_ns)
{
	uint64_t attempted = account_attempted(&earlier->account);
	struct plan_limit *limit = &stream->limit;
	switch (limit->kind) {
	case PLAN_LIMIT_PACKETS:
	case PLAN_LIMIT_BYTES: limit->packets -= MIN(attempted, limit->packets); break;
	case PLAN_LIMIT_DURATION:
		limit->duration_ns -= (int64_t)(earlier->fraction * (double)limit->duration_ns);
		break;
	case PLAN_LIMIT_NONE: break;
	}
	if (attempted)
		stream->start_delay_ns = 0;
	else if (!earlier->paused) /* what of it has passed */
		stream->start_delay_ns = MAX(stream->start_delay_ns - passed_ns, INT64_C(0));
	stream->hold = earlier->paused;
	plan_skip(stream, &stream->first, attempted);
}

int64_t resume_shorten(const struct job_earlier *earlier, struct plan *plan, int64_t now_ns)
{
	if (earlier->stream_count != plan->stream_count)
		return 0; /* nothing was stored yet */
	int64_t passed_ns =
		earlier->first_packet_ns ? MAX(now_ns - earlier->first_packet_ns, 0) : 0;
	for (size_t i = 0; i < plan->stream_count; i++)
		shorten_stream(&plan->streams[i], &earlier->streams[i], passed_ns);
	plan->start_time_ns = 0;
	plan->start_tolerance_ns = -1;
	return passed_ns;
}

struct blob *resume_record(const struct job *job)
{
	const struct job_live *live = job->live;
	if (!live->sender) /* where it was stays known until it goes on */
		return live->earlier.stream_count ? blob_ref(live->record)
						  : record_pack(&live->facts, NULL, NULL);
	return record_pack_streams(&live->facts, live->streams, live->stream_count);
}

/* What a sender counted since it resumed a stream does not count what was sent before the sender;
 * without that, the baseline of before still holds. */
static void add_baseline(const struct sender_progress *earlier, bool *has_baseline,
			 struct account *baseline)
{
	if (*has_baseline)
		account_add(baseline, &earlier->account);
	else
		*baseline = earlier->baseline;
	*has_baseline |= earlier->has_baseline;
}

void resume_add_streams(const struct job_earlier *earlier, struct sender_progress *streams,
			size_t count)
{
	for (size_t i = 0; earlier->stream_count == count && i < count; i++) {
		const struct sender_progress *before = &earlier->streams[i];
		account_add(&streams[i].account, &before->account);
		add_baseline(before, &streams[i].has_baseline, &streams[i].baseline);
		streams[i].fraction =
			before->fraction + (1 - before->fraction) * streams[i].fraction;
	}
}

void resume_cancel_streams(const struct job_earlier *earlier, struct sender *sender)
{
	size_t count = sender_stream_count(sender);
	for (size_t i = 0; earlier->stream_count == count && i < count; i++)
		if (earlier->streams[i].state == PAGECAST__V1__STREAM_STATE__STREAM_STATE_CANCELLED)
			sender_order_streams(sender, &i, 1, SENDER_STREAM_CANCEL);
}

double resume_fraction(const struct job_earlier *earlier, const struct sender_progress *streams,
		       size_t count, double fraction)
{
	double sum = 0;
	if (earlier->stream_count != count || fraction <= 0) /* 0: one of them has no end */
		return fraction;
	for (size_t i = 0; i < count; i++)
		sum += streams[i].fraction;
	return sum / (double)count;
}

void resume_add_facts(const struct job_earlier *earlier, struct job_facts *facts)
{
	account_add(&facts->account, &earlier->account);
	if (earlier->first_packet_ns)
		facts->first_packet_ns = earlier->first_packet_ns;
}

/* The counts are of all its time, the rest of the report is not. */
static void add_report(const struct account *account, struct sender_report *report)
{
	static const char since[] = "; rates, gaps and CPU time are those since the restart";
	if (!account_attempted(account))
		return;
	if (account->packets_sent && !report->account.packets_sent)
		snprintf(report->path, sizeof report->path, RESUME_PATH_UNKNOWN);
	size_t at = MIN(strlen(report->why), sizeof report->why - sizeof since);
	memcpy(report->why + at, since, sizeof since);
	account_add(&report->account, account);
}

void resume_add_report(const struct job_earlier *earlier, struct sender_report *job,
		       struct sender_report *streams, size_t count)
{
	add_report(&earlier->account, job);
	for (size_t i = 0; streams && earlier->stream_count == count && i < count; i++) {
		add_report(&earlier->streams[i].account, &streams[i]);
		add_baseline(&earlier->streams[i], &streams[i].has_baseline, &streams[i].baseline);
	}
	if (earlier->first_packet_ns)
		job->first_packet_ns = earlier->first_packet_ns;
}

/* The sender did not see what was sent before it. */
static void drop_not_started(struct problem_set *problems)
{
	for (size_t i = 0; i < problems->count; i++)
		if (problems->problems[i].code == PROBLEM_NOT_STARTED) {
			problems->count--;
			memmove(&problems->problems[i], &problems->problems[i + 1],
				(problems->count - i) * sizeof *problems->problems);
			return;
		}
}

void resume_add_problems(const struct job_earlier *earlier, struct problem_set *problems)
{
	if (account_attempted(&earlier->account))
		drop_not_started(problems);
	if (earlier->repeats)
		problem_add(
			problems, PROBLEM_ACCOUNT_FROM_SNAPSHOT, PROBLEM_WARNING, "", 0, 1,
			"resumed after a crash: packets since the last checkpoint may have been "
			"sent twice, and are counted once; rates are those since the restart");
}
