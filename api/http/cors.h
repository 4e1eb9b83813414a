/*
 * cors: what a page of another origin that may ask is allowed to send, and to read of an answer.
 * The protocols say it with their routes. Whether its origin may ask is guard's to judge.
 * Thread: whoever owns the reply.
 */
#pragma once
#include "api/http/reply.h"
#include "api/http/route.h"

/** cors_preflight() - answer what a browser asks ahead of such a request; @verbs: as Allow has them
 */
void cors_preflight(struct reply *reply, const struct routes *routes, const char *verbs);

/** cors_answer() - let the page at @origin read the answer */
void cors_answer(struct reply *reply, const struct routes *routes, const char *origin);
