/* record: see record.h. Messages are built on the stack or in one allocation and packed at once. */
#include "core/job/record.h"

#include "base/clock.h"
#include "base/util.h"
#include "sender/sender_problems.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define INIT_TIMESTAMP GOOGLE__PROTOBUF__TIMESTAMP__INIT

Google__Protobuf__Timestamp *record_time(Google__Protobuf__Timestamp *message, int64_t ns)
{
	*message = (Google__Protobuf__Timestamp)INIT_TIMESTAMP;
	message->seconds = ns / CLOCK_NS_PER_S;
	message->nanos = (int32_t)(ns % CLOCK_NS_PER_S);
	return ns ? message : NULL;
}

void record_account(Pagecast__V1__Account *message, const struct account *account)
{
	*message = (Pagecast__V1__Account)PAGECAST__V1__ACCOUNT__INIT;
	message->packets_requested = account->packets_requested;
	message->packets_sent = account->packets_sent;
	message->packets_dropped = account->packets_dropped;
	message->packets_failed = account->packets_failed;
	message->packets_cancelled = account->packets_cancelled;
	message->bytes_sent = account->bytes_sent;
	message->syscalls = account->syscalls;
	message->pages = account->pages;
	message->balanced = account_balanced(account);
}

struct report_messages {
	Pagecast__V1__TransmitReport report;
	Pagecast__V1__Histogram gap_error;
	Pagecast__V1__PolicyHold holds[LIMITER_RULES], *hold_list[LIMITER_RULES];
	Google__Protobuf__Duration held[LIMITER_RULES];
	Pagecast__V1__Account account, baseline;
	Pagecast__V1__StreamResult result;
};

static void fill_holds(struct report_messages *messages, const int64_t *held_ns)
{
	Pagecast__V1__TransmitReport *report = &messages->report;
	report->policy_holds = messages->hold_list;
	for (size_t i = 0; i < LIMITER_RULES; i++) {
		Pagecast__V1__PolicyHold *hold = &messages->holds[report->n_policy_holds];
		Google__Protobuf__Duration *held = &messages->held[report->n_policy_holds];
		if (held_ns[i] <= 0)
			continue;
		*held = (Google__Protobuf__Duration)GOOGLE__PROTOBUF__DURATION__INIT;
		held->seconds = held_ns[i] / CLOCK_NS_PER_S;
		held->nanos = (int32_t)(held_ns[i] % CLOCK_NS_PER_S);
		*hold = (Pagecast__V1__PolicyHold)PAGECAST__V1__POLICY_HOLD__INIT;
		hold->maximum = (char *)limiter_rule_name((enum limiter_rule)i);
		hold->held = held;
		messages->hold_list[report->n_policy_holds++] = hold;
	}
}

static void fill_report(struct report_messages *messages, const struct sender_report *from)
{
	Pagecast__V1__TransmitReport *report = &messages->report;
	Pagecast__V1__Histogram *histogram = &messages->gap_error;
	*report = (Pagecast__V1__TransmitReport)PAGECAST__V1__TRANSMIT_REPORT__INIT;
	report->engine = from->engine;
	report->path = (char *)from->path;
	report->kernel_copies = from->kernel_copies;
	report->why = (char *)from->why;
	report->requested_pps = from->requested_pps;
	report->achieved_pps = from->achieved_pps;
	report->requested_bps = from->requested_bps;
	report->achieved_bps = from->achieved_bps;
	report->layer = from->layer;
	report->late_packets = from->late_packets;
	report->longest_burst = from->longest_burst;
	report->start_error_ns = from->start_error_ns;
	report->cpu_seconds = from->cpu_seconds;
	fill_holds(messages, from->held_ns);
	*histogram = (Pagecast__V1__Histogram)PAGECAST__V1__HISTOGRAM__INIT;
	histogram->count = from->gap_error_ns.count;
	histogram->min = from->gap_error_ns.min;
	histogram->p50 = from->gap_error_ns.p50;
	histogram->p90 = from->gap_error_ns.p90;
	histogram->p99 = from->gap_error_ns.p99;
	histogram->p999 = from->gap_error_ns.p999;
	histogram->max = from->gap_error_ns.max;
	histogram->mean = from->gap_error_ns.mean;
	report->gap_error_ns = histogram->count ? histogram : NULL;
	record_account(&messages->account, &from->account);
}

void record_fill_problems(struct record_problems *messages, const struct problem_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct problem *from = &set->problems[i];
		Pagecast__V1__Problem *problem = &messages->problems[i];
		*problem = (Pagecast__V1__Problem)PAGECAST__V1__PROBLEM__INIT;
		problem->code = (char *)problem_code_name(from->code);
		problem->message = (char *)from->message;
		problem->field = (char *)from->field;
		problem->severity = (Pagecast__V1__Severity)from->severity;
		if (from->error)
			problem->errno_name = (char *)errno_name(from->error);
		problem->count = from->count;
		messages->list[i] = problem;
	}
}

static void fill_stream(struct report_messages *messages, const struct plan_stream *stream,
			const struct sender_report *from, bool with_account)
{
	fill_report(messages, from);
	messages->result = (Pagecast__V1__StreamResult)PAGECAST__V1__STREAM_RESULT__INIT;
	messages->result.name = (char *)stream->name;
	messages->result.stream_id = stream->stamp.stream_id;
	messages->result.account = with_account ? &messages->account : NULL;
	messages->result.report = &messages->report;
	messages->result.state = from->state;
	record_account(&messages->baseline, &from->baseline);
	messages->result.baseline = from->has_baseline ? &messages->baseline : NULL;
}

static struct blob *pack_with_results(Pagecast__V1__Job *job, const struct record_results *results)
{
	size_t count = results->plan->stream_count;
	struct report_messages job_report;
	_cleanup_free_ struct report_messages *messages = calloc(count, sizeof *messages);
	_cleanup_free_ Pagecast__V1__StreamResult **list = calloc(count, sizeof(void *));
	if (!messages || !list)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		fill_stream(&messages[i], &results->plan->streams[i], &results->streams[i],
			    !results->job_account_only);
		list[i] = &messages[i].result;
	}
	fill_report(&job_report, results->job);
	job->report = &job_report.report;
	job->stream_results = list;
	job->n_stream_results = count;
	return blob_pack(&job->base);
}

/* What is wrong while it lasts: nothing of it stays in the record when it is over. */
static const struct problem_set *present_problems(const struct job_facts *facts,
						  struct problem_set *set)
{
	char field[PROBLEM_FIELD_MAX];
	set->count = set->unlisted = 0;
	if (facts->has_link)
		problem_put(set, facts->link.code, facts->link.severity, facts->link.field,
			    facts->link.error, facts->link.count, "%s", facts->link.message);
	if (!facts->refused)
		return set;
	snprintf(field, sizeof field, "streams[%" PRIu64 "]", facts->refused_stream);
	problem_put(set, sender_problems_code(facts->refused_error), PROBLEM_WARNING, field,
		    facts->refused_error, facts->refused,
		    "the kernel refuses every packet at present (%" PRIu64 " in a row): %s",
		    facts->refused, strerror(facts->refused_error));
	return set;
}

struct blob *record_pack(const struct job_facts *facts, const struct problem_set *problems,
			 const struct record_results *results)
{
	struct problem_set present;
	if (!problems && !results)
		problems = present_problems(facts, &present);
	Pagecast__V1__Job job = PAGECAST__V1__JOB__INIT;
	Pagecast__V1__Account account;
	Pagecast__V1__Progress progress = PAGECAST__V1__PROGRESS__INIT;
	Google__Protobuf__Timestamp first, end, snapshot, as_of;
	Google__Protobuf__Duration remaining = GOOGLE__PROTOBUF__DURATION__INIT;
	struct record_problems problem_messages;
	job.first_packet_time = record_time(&first, facts->first_packet_ns);
	job.end_time = record_time(&end, facts->end_ns);
	record_account(&account, &facts->account);
	account.snapshot_time = record_time(&snapshot, facts->account_ns);
	job.account = &account;
	if (facts->account_ns) {
		progress.fraction = facts->fraction;
		progress.current_pps = facts->current_pps;
		progress.current_bps_l2 = facts->current_bps_l2;
		progress.as_of = record_time(&as_of, facts->account_ns);
		progress.waiting_for = (char *)facts->waiting_for;
		remaining.seconds = facts->remaining_ns / CLOCK_NS_PER_S;
		remaining.nanos = (int32_t)(facts->remaining_ns % CLOCK_NS_PER_S);
		if (facts->remaining_ns)
			progress.remaining = &remaining;
		job.progress = &progress;
	}
	if (problems && problems->count) {
		record_fill_problems(&problem_messages, problems);
		job.problems = problem_messages.list;
		job.n_problems = problems->count;
	}
	return results ? pack_with_results(&job, results) : blob_pack(&job.base);
}

static void read_account(const Pagecast__V1__Account *message, struct account *ret_account)
{
	*ret_account = (struct account){
		.packets_requested = message->packets_requested,
		.packets_sent = message->packets_sent,
		.packets_dropped = message->packets_dropped,
		.packets_failed = message->packets_failed,
		.packets_cancelled = message->packets_cancelled,
		.bytes_sent = message->bytes_sent,
		.syscalls = message->syscalls,
		.pages = message->pages,
	};
}

/* Absent is 0. Return: 0; -EBADMSG: no time that was ever stored */
static int read_time(const Google__Protobuf__Timestamp *message, int64_t *ret_ns)
{
	*ret_ns = 0;
	if (!message)
		return 0;
	if (message->seconds < 0 || message->seconds >= INT64_MAX / CLOCK_NS_PER_S ||
	    message->nanos < 0 || message->nanos >= CLOCK_NS_PER_S)
		return -EBADMSG;
	*ret_ns = message->seconds * CLOCK_NS_PER_S + message->nanos;
	return 0;
}

/* A value outside of 0 .. 1, NaN too, counts as 0. */
static double read_fraction(const Pagecast__V1__Progress *progress)
{
	return progress && progress->fraction > 0 && progress->fraction <= 1 ? progress->fraction
									     : 0;
}

static int read_facts(const Pagecast__V1__Job *stored, struct job_facts *ret_facts)
{
	struct job_facts facts = {.fraction = read_fraction(stored->progress)};
	int r = read_time(stored->first_packet_time, &facts.first_packet_ns);
	if (!r)
		r = read_time(stored->end_time, &facts.end_ns);
	if (!r && stored->account) {
		read_account(stored->account, &facts.account);
		r = read_time(stored->account->snapshot_time, &facts.account_ns);
	}
	if (!r)
		*ret_facts = facts;
	return r;
}

static int read_streams(const Pagecast__V1__Job *stored, struct sender_progress **ret_streams)
{
	struct sender_progress *streams = calloc(stored->n_stream_results + 1, sizeof *streams);
	if (!streams)
		return -ENOMEM;
	for (size_t i = 0; i < stored->n_stream_results; i++) {
		const Pagecast__V1__StreamResult *result = stored->stream_results[i];
		if (result->account)
			read_account(result->account, &streams[i].account);
		if (result->baseline)
			read_account(result->baseline, &streams[i].baseline);
		streams[i].has_baseline = result->baseline != NULL;
		streams[i].state = result->state;
		streams[i].paused = result->held;
		streams[i].fraction = read_fraction(result->progress);
	}
	*ret_streams = streams;
	return 0;
}

int record_read(const struct blob *record, struct job_facts *ret_facts,
		struct sender_progress **ret_streams, size_t *ret_count)
{
	Pagecast__V1__Job *stored = pagecast__v1__job__unpack(NULL, record->len, record->data);
	if (!stored)
		return -EBADMSG;
	int r = read_facts(stored, ret_facts);
	if (!r && ret_streams)
		r = read_streams(stored, ret_streams);
	if (!r && ret_streams)
		*ret_count = stored->n_stream_results;
	pagecast__v1__job__free_unpacked(stored, NULL);
	return r;
}

struct blob *record_without_end(const struct blob *record)
{
	Pagecast__V1__Job *stored = pagecast__v1__job__unpack(NULL, record->len, record->data);
	if (!stored)
		return NULL;
	if (stored->end_time)
		google__protobuf__timestamp__free_unpacked(stored->end_time, NULL);
	stored->end_time = NULL;
	struct blob *without = blob_pack(&stored->base);
	pagecast__v1__job__free_unpacked(stored, NULL);
	return without;
}

struct stream_messages {
	Pagecast__V1__StreamResult result;
	Pagecast__V1__Account account, baseline;
	Pagecast__V1__Progress progress;
};

static void fill_progress(struct stream_messages *messages, const struct sender_progress *from)
{
	messages->result = (Pagecast__V1__StreamResult)PAGECAST__V1__STREAM_RESULT__INIT;
	messages->progress = (Pagecast__V1__Progress)PAGECAST__V1__PROGRESS__INIT;
	record_account(&messages->account, &from->account);
	messages->progress.fraction = from->fraction;
	messages->result.name = (char *)from->name;
	messages->result.stream_id = from->stream_id;
	messages->result.account = &messages->account;
	messages->result.progress = &messages->progress;
	messages->result.state = from->state;
	messages->result.held = from->paused;
	record_account(&messages->baseline, &from->baseline);
	messages->result.baseline = from->has_baseline ? &messages->baseline : NULL;
}

struct blob *record_streams(const struct sender_progress *streams, size_t count)
{
	Pagecast__V1__Job job = PAGECAST__V1__JOB__INIT;
	_cleanup_free_ struct stream_messages *messages = calloc(count + 1, sizeof *messages);
	_cleanup_free_ Pagecast__V1__StreamResult **list = calloc(count + 1, sizeof(void *));
	if (!messages || !list)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		fill_progress(&messages[i], &streams[i]);
		list[i] = &messages[i].result;
	}
	job.stream_results = list;
	job.n_stream_results = count;
	return blob_pack(&job.base);
}

struct blob *record_pack_streams(const struct job_facts *facts,
				 const struct sender_progress *streams, size_t count)
{
	_cleanup_blob_ struct blob *first = record_pack(facts, NULL, NULL);
	_cleanup_blob_ struct blob *second = record_streams(streams, count);
	return first && second ? record_join(first, second) : NULL;
}

struct blob *record_cancel(const char *principal, const char *reason)
{
	Pagecast__V1__Job job = PAGECAST__V1__JOB__INIT;
	job.cancelled_by = (char *)principal;
	job.cancel_reason = (char *)reason;
	return blob_pack(&job.base);
}

struct blob *record_join(const struct blob *first, const struct blob *second)
{
	struct blob *record = blob_new(first->len + second->len);
	if (!record)
		return NULL;
	memcpy(record->data, first->data, first->len); /* one behind the other: a message */
	memcpy(record->data + first->len, second->data, second->len);
	return record;
}
