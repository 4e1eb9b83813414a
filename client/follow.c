/* follow: see follow.h. */
#include "follow.h"
#include "call.h"
#include "jobs.h"
#include "message.h"
#include "print.h"
#include "progress.h"
#include "summary.h"
#include "util.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "pagecast/v1/transmit_service.pb-c.h"

enum {
	WAIT_S = 30, /* of a long poll; the agent allows 60 */
	POLL_TIMEOUT_MS = (WAIT_S + 15) * 1000,
	POLL_SPACING_NS = 50000000, /* between polls, should an agent not wait */
	RETRY_NS = 500000000,	    /* after a fault of the connection */
	TICK_MS = 100,		    /* how often at least the loop looks around */
};

struct followed {
	struct follow *follow;
	const struct http_peer *peer;
	char *id;
	char *etag;		/* If-None-Match of the next poll; NULL: ask at once */
	Pagecast__V1__Job *job; /* latest; NULL until the first answer */
	struct http_exchange *poll, *cancel, *renew;
	int64_t next_poll_ns, next_cancel_ns, next_renew_ns, lost_since_ns;
	bool cancel_sent, cancel_failed; /* failed: told once, and tried again */
	bool whole, done;		 /* whole: ended, and asked for with its streams */
	int code;			 /* once done */
};

struct follow {
	const struct client *client;
	struct follow_options options;
	struct followed
		*jobs; /* [count]; grown before follow_run() only: callbacks point into it */
	size_t count;
	struct progress progress;
	int signals_seen;
};

static volatile sig_atomic_t signal_count, first_signal;
static int wake_fd = -1;

static void note_signal(int number)
{
	int saved = errno;
	uint64_t one = 1;
	if (!signal_count)
		first_signal = number;
	signal_count = signal_count + 1;
	ssize_t written = write(wake_fd, &one, sizeof one);
	(void)written; /* the counter alone is noticed within a tick */
	errno = saved;
}

void follow_signals(void)
{
	static const int SIGNALS[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = note_signal, .sa_flags = SA_RESTART};
	if (wake_fd >= 0)
		return;
	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < ARRAY_SIZE(SIGNALS); i++) {
		struct sigaction old;
		/* nohup and shells set a signal to be ignored: leave it so. */
		if (sigaction(SIGNALS[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(SIGNALS[i], &action, NULL);
	}
}

int follow_signalled(void)
{
	return signal_count;
}

struct follow *follow_new(const struct client *client, const struct follow_options *options)
{
	struct follow *follow = util_calloc(1, sizeof *follow);
	follow->client = client;
	follow->options = *options;
	progress_init(&follow->progress);
	follow_signals();
	return follow;
}

static void set_job(struct followed *followed, Pagecast__V1__Job *job, const char *etag)
{
	if (followed->job)
		message_free(&followed->job->base);
	followed->job = job;
	free(followed->etag);
	followed->etag = etag ? util_strdup(etag)
			      : util_printf("\"%llu\"", (unsigned long long)job->revision);
}

void follow_add(struct follow *follow, const struct http_peer *peer, const char *id,
		Pagecast__V1__Job *job)
{
	follow->jobs = util_grow(follow->jobs, follow->count, sizeof *follow->jobs);
	struct followed *followed = &follow->jobs[follow->count++];
	followed->peer = peer;
	followed->id = util_strdup(id);
	followed->next_renew_ns = util_now_ns() + follow->options.lease_ns / 3;
	if (job)
		set_job(followed, job, NULL);
}

static void finish(struct followed *followed, int code)
{
	followed->done = true;
	followed->code = code;
}

static int print_json(struct followed *followed)
{
	_cleanup_free_ char *path = call_job_path(followed->id, "");
	const struct call call = {.method = "GET", .path = path};
	return call_print_json(followed->follow->client, followed->peer, &call);
}

/* The end of a job: its result, and what it means for the exit code. */
static void report(struct followed *followed)
{
	struct follow *follow = followed->follow;
	int code = EXIT_DONE;
	progress_clear(&follow->progress);
	if (follow->client->json)
		code = print_json(followed);
	else
		call_print(follow->client, followed->peer, &followed->job->base, jobs_print_summary,
			   NULL);
	bool succeeded = followed->job->state == PAGECAST__V1__JOB_STATE__JOB_STATE_SUCCEEDED;
	finish(followed, code ? code : succeeded ? EXIT_DONE : EXIT_FAILED);
}

/*
 * The job has a new revision. Polls leave out the streams, which may hold megabytes of payload; the
 * result needs them once, to show how the rate was given.
 */
static void take_job(struct followed *followed)
{
	bool json = followed->follow->client->json;
	if (!summary_ended(followed->job)) {
		if (!followed->follow->options.json_each)
			return;
		int code = print_json(followed);
		/* The poll finds out whether the agent is gone. */
		if (code != EXIT_DONE && code != EXIT_NO_AGENT)
			finish(followed, code);
	} else if (json || followed->whole) {
		report(followed);
	} else {
		followed->whole = true;
		followed->next_poll_ns = 0;
	}
}

static void print_lost(const struct followed *followed, const struct http_response *response)
{
	_cleanup_free_ char *name = print_escaped(followed->peer->name);
	_cleanup_free_ char *id = print_escaped(followed->id);
	progress_clear(&followed->follow->progress);
	_cleanup_free_ char *fault = print_escaped(response->fault);
	print_error("%s does not answer about job %s: %s; retrying for %d s", name, id, fault,
		    CLIENT_LOST_S);
}

/* The connection failed: retry for a while, then give up and say that the job may continue. */
static void lose(struct followed *followed, const struct http_response *response)
{
	int64_t now_ns = util_now_ns();
	bool never_reached = !followed->job;
	if (followed->whole) { /* what is known without the streams will do */
		report(followed);
		return;
	}
	bool first = !followed->lost_since_ns;
	if (first)
		followed->lost_since_ns = now_ns;
	followed->next_poll_ns = now_ns + RETRY_NS;
	if (first && !never_reached)
		print_lost(followed, response);
	if (!never_reached &&
	    now_ns - followed->lost_since_ns < (int64_t)CLIENT_LOST_S * 1000000000)
		return;
	progress_clear(&followed->follow->progress);
	finish(followed, call_check(followed->follow->client, followed->peer, NULL, response));
	if (!never_reached) {
		_cleanup_free_ char *id = print_escaped(followed->id);
		print_error("lost contact with job %s: it continues if the agent runs", id);
	}
}

static void polled(void *context, struct http_response *response)
{
	struct followed *followed = context;
	const struct client *client = followed->follow->client;
	ProtobufCMessage *message = NULL;
	followed->poll = NULL;
	if (response->status == 0) {
		lose(followed, response);
		return;
	}
	followed->lost_since_ns = 0;
	if (response->status == 304)
		return;
	if (followed->whole && response->status != 200) {
		report(followed); /* probably deleted meanwhile */
		return;
	}
	int r = call_check(client, followed->peer, NULL, response);
	if (!r)
		r = call_unpack(followed->peer, response, &pagecast__v1__job__descriptor, &message);
	if (r) {
		finish(followed, r);
		return;
	}
	set_job(followed, (Pagecast__V1__Job *)message, response->etag);
	take_job(followed);
}

static void start_poll(struct followed *followed, int64_t now_ns)
{
	_cleanup_free_ char *wait = util_printf("?view=BASIC&wait=%d", WAIT_S);
	/* After an outage it does not wait: the answer says that the agent is there again. */
	bool waits = followed->etag && !followed->lost_since_ns;
	const char *suffix = followed->whole ? "" : waits ? wait : "?view=BASIC";
	_cleanup_free_ char *path = call_job_path(followed->id, suffix);
	_cleanup_free_ char *header = followed->etag && !followed->whole
					      ? util_printf("If-None-Match: %s", followed->etag)
					      : NULL;
	const struct call call = {
		.method = "GET", .path = path, .header = header, .timeout_ms = POLL_TIMEOUT_MS};
	followed->next_poll_ns = now_ns + POLL_SPACING_NS;
	followed->poll =
		call_start(followed->follow->client, followed->peer, &call, polled, followed);
}

static void cancelled(void *context, struct http_response *response)
{
	struct followed *followed = context;
	followed->cancel = NULL;
	if (followed->done || (response->status >= 200 && response->status < 300))
		return; /* the poll sees the end */
	bool unreached = response->status == 0;
	if (!unreached || !followed->cancel_failed) {
		progress_clear(&followed->follow->progress);
		call_check(followed->follow->client, followed->peer, NULL, response);
	}
	followed->cancel_failed = unreached;
	followed->cancel_sent = !unreached;
	followed->next_cancel_ns = util_now_ns() + RETRY_NS;
}

static void start_cancel(struct followed *followed)
{
	_cleanup_free_ char *path = call_job_path(followed->id, ":cancel");
	const struct call call = {.method = "POST", .path = path};
	followed->cancel_sent = true;
	followed->cancel =
		call_start(followed->follow->client, followed->peer, &call, cancelled, followed);
}

static void renewed(void *context, struct http_response *response)
{
	(void)response; /* a fault shows in the poll, or as the job's end */
	((struct followed *)context)->renew = NULL;
}

static void start_renew(struct followed *followed, int64_t now_ns)
{
	Pagecast__V1__UpdateJobRequest update = PAGECAST__V1__UPDATE_JOB_REQUEST__INIT;
	_cleanup_free_ char *path = call_job_path(followed->id, "");
	const struct call call = {.method = "PATCH", .path = path, .body = &update.base};
	followed->next_renew_ns = now_ns + followed->follow->options.lease_ns / 3;
	followed->renew =
		call_start(followed->follow->client, followed->peer, &call, renewed, followed);
}

/* Starts what is due for one job. */
static void advance(struct followed *followed, int64_t now_ns)
{
	struct follow *follow = followed->follow;
	if (follow->signals_seen && follow->options.cancel && !followed->cancel_sent &&
	    now_ns >= followed->next_cancel_ns)
		start_cancel(followed);
	if (!followed->poll && now_ns >= followed->next_poll_ns)
		start_poll(followed, now_ns);
	if (follow->options.lease_ns && !followed->renew && now_ns >= followed->next_renew_ns)
		start_renew(followed, now_ns);
}

static void draw(struct follow *follow, int64_t now_ns)
{
	if (follow->options.json_each || !progress_due(&follow->progress, now_ns))
		return;
	progress_begin(&follow->progress, now_ns);
	for (size_t i = 0; i < follow->count; i++) {
		const struct followed *followed = &follow->jobs[i];
		/* Not a stale job, nor one whose result is about to be printed. */
		if (!followed->done && followed->job && !followed->lost_since_ns &&
		    !summary_ended(followed->job))
			progress_line(&follow->progress,
				      client_prefix(follow->client, followed->peer), followed->job);
	}
	progress_end(&follow->progress);
}

static void leave_running(struct follow *follow)
{
	progress_clear(&follow->progress);
	for (size_t i = 0; i < follow->count; i++) {
		struct followed *followed = &follow->jobs[i];
		if (followed->done)
			continue;
		finish(followed, 128 + first_signal);
		if (!follow->options.cancel)
			continue;
		_cleanup_free_ char *id = print_escaped(followed->id);
		print_error("job %s is left running; see `pagecast get %s`", id, id);
	}
}

/* Return: stop now */
static bool take_signals(struct follow *follow)
{
	uint64_t wakes;
	ssize_t drained = read(wake_fd, &wakes, sizeof wakes);
	(void)drained; /* its content does not matter */
	int seen = follow->signals_seen;
	follow->signals_seen = signal_count;
	if (follow->signals_seen == seen)
		return false;
	if (!follow->options.cancel || follow->signals_seen > 1) {
		leave_running(follow);
		return true;
	}
	progress_clear(&follow->progress);
	print_error("cancelling; press Ctrl-C again to leave it running");
	return false;
}

static bool all_done(const struct follow *follow)
{
	for (size_t i = 0; i < follow->count; i++)
		if (!follow->jobs[i].done)
			return false;
	return true;
}

static int exit_code(const struct follow *follow)
{
	int *codes = util_calloc(follow->count, sizeof *codes);
	bool all_stopped = true;
	for (size_t i = 0; i < follow->count; i++) {
		const struct followed *followed = &follow->jobs[i];
		codes[i] = followed->code;
		bool cancelled_state =
			followed->job &&
			followed->job->state == PAGECAST__V1__JOB_STATE__JOB_STATE_CANCELLED;
		all_stopped = all_stopped && (cancelled_state || followed->code == EXIT_DONE);
	}
	int code = client_merge(codes, follow->count);
	free(codes);
	if (!follow->signals_seen)
		return code;
	return follow->options.forever && all_stopped ? EXIT_DONE : 128 + first_signal;
}

int follow_run(struct follow *follow)
{
	for (size_t i = 0; i < follow->count; i++) {
		struct followed *followed = &follow->jobs[i];
		followed->follow = follow;
		if (followed->job)
			take_job(followed);
	}
	while (!all_done(follow)) {
		if (take_signals(follow))
			break;
		int64_t now_ns = util_now_ns();
		for (size_t i = 0; i < follow->count; i++)
			if (!follow->jobs[i].done)
				advance(&follow->jobs[i], now_ns);
		draw(follow, now_ns);
		http_wait(follow->client->http, TICK_MS, wake_fd);
	}
	progress_clear(&follow->progress);
	print_flush();
	return exit_code(follow);
}

struct follow *follow_free(struct follow *follow)
{
	if (!follow)
		return NULL;
	for (size_t i = 0; i < follow->count; i++) {
		struct followed *followed = &follow->jobs[i];
		http_abort(followed->poll);
		http_abort(followed->cancel);
		http_abort(followed->renew);
		if (followed->job)
			message_free(&followed->job->base);
		free(followed->id);
		free(followed->etag);
	}
	free(follow->jobs);
	free(follow);
	return NULL;
}
