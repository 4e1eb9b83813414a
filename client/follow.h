/*
 * follow: watch jobs to their end, on any number of agents at once, by long polls; cancel them by
 * signals. One thread; a signal handler only notes the signal and wakes the loop.
 *
 * The first Ctrl-C (or SIGTERM, SIGHUP) cancels the jobs, or stops watching; the second leaves them
 * running. An agent that stops answering is retried for CLIENT_LOST_S.
 */
#pragma once
#include "client.h"

#include "pagecast/v1/job.pb-c.h"

struct follow_options {
	bool cancel;	  /* a signal cancels the jobs; otherwise it ends the watching */
	bool forever;	  /* they are meant to be stopped: exit 0 then */
	bool json_each;	  /* print every revision as JSON, no progress, no summary */
	int64_t lease_ns; /* renew this lease while following; 0: none */
};

/** follow_signals() - catch signals from now on: call it before the submission, so that Ctrl-C
 * between the two cancels what was just submitted */
void follow_signals(void);
/** follow_signalled() - how many signals came so far */
int follow_signalled(void);

struct follow;
struct follow *follow_new(const struct client *client, const struct follow_options *options);
/** follow_add() - @job is consumed; NULL: only @id is known */
void follow_add(struct follow *follow, const struct http_peer *peer, const char *id,
		Pagecast__V1__Job *job);
/**
 * follow_run() - until all have ended; prints progress on standard error, summaries on standard
 * output
 *
 * Return: EXIT_DONE if all SUCCEEDED; EXIT_FAILED; EXIT_NO_AGENT; 128 + signal.
 */
int follow_run(struct follow *follow);
struct follow *follow_free(struct follow *follow);
