/*
 * preparation: from a spec to a sender that could start now.
 *
 * A worker prepares a job to send it, PreviewJob to show what would be sent: the same steps, so
 * that the one cannot promise what the other does not do.
 */
#pragma once
#include "core/state/agent_private.h"
#include "packet/plan.h"

struct preparation {
	struct policy *policy;
	struct plan *plan;
	struct sender *sender;		 /* borrows the plan */
	struct sender_progress *streams; /* owned: room for where each is; NULL in a preview */
	struct problem_set problems;
	struct engine_choice engine; /* the one that sends, and why */
	/* set by the caller: */
	const char *job_id;		   /* borrowed; NULL: a preview */
	const struct job_earlier *earlier; /* borrowed: the rest is to be sent; NULL: everything */
	Pagecast__V1__JobSpec *spec;	   /* owned: freed with the plan, which reads it; NULL: the
					      caller keeps it until then */
};
/**
 * preparation_make() - compile, judge, open sockets, pack pages; without the lock
 * @grant: its share of the policy's totals; NULL: none taken, and nothing is sent: no neighbour is
 * asked for
 *
 * Return: 0; an error_code with @ret_error, and problems where they say more. Either way
 * preparation_deinit().
 */
int preparation_make(struct agent *agent, const Pagecast__V1__JobSpec *spec,
		     const struct job_grant *grant, struct preparation *preparation,
		     struct error *ret_error);
/** preparation_add_problems() - @error as problems of the closed list */
void preparation_add_problems(struct preparation *preparation, const struct error *error);
void preparation_deinit(struct preparation *preparation);
