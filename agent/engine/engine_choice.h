/*
 * engine_choice: which engine a job gets. Decided once a run; the decision is handed on.
 * Thread: any after engine_probe().
 */
#pragma once
#include "packet/plan.h"
#include "pagecast/error.h"
#include "pagecast/v1/job.pb-c.h"

#include <stddef.h>

enum engine_choice_reason {
	ENGINE_CHOICE_ASKED,	 /* the job names it */
	ENGINE_CHOICE_PAGES,	 /* auto: pages are handed over, not copied */
	ENGINE_CHOICE_RAW_PAGES, /* auto: pages are handed over; a raw socket copies them */
	ENGINE_CHOICE_FRAMES,	 /* auto: Ethernet frames */
	ENGINE_CHOICE_DIFFER,	 /* auto: packets differ, and are changed in place */
	ENGINE_CHOICE_COPIES,	 /* auto: vmsplice copies on this kernel */
	ENGINE_CHOICE_FALLBACK,	 /* auto: what would be better could not be set up */
	ENGINE_CHOICE_NO_SPLICE, /* auto: SPLICE is not available here */
	ENGINE_CHOICE_ALLOWED,	 /* auto: the first of the allowed ones that can send the job */
};

struct engine_choice {
	Pagecast__V1__EngineKind kind;
	enum engine_choice_reason reason;
	Pagecast__V1__EngineKind fallback; /* where this one cannot be set up; UNSPECIFIED: none */
};

/**
 * engine_choose() - decide
 * @allowed: [@allowed_count] engines that "auto" may choose among, the preferred first; 0 of them:
 *           all. What the job names is not held against them here
 *
 * Return: 0; an error_code with @ret_error: FAILED_PRECONDITION: the engine is not available here,
 * or cannot send this job; PERMISSION_DENIED: no allowed one can.
 */
int engine_choose(const struct plan *plan, const Pagecast__V1__EngineKind *allowed,
		  size_t allowed_count, struct engine_choice *ret_choice, struct error *ret_error);
