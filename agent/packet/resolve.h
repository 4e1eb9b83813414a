/*
 * resolve: destination MACs that the neighbour table did not know when a plan was compiled.
 *
 * The kernel is asked to resolve them, and the table is read until they are all there or the time
 * is up. Without CAP_NET_ADMIN the requests are sent from here. A MAC is the first field of every
 * frame and part of no checksum, so it is written into the header that frames are built with and
 * into the frames that exist. Thread: the one that asks for the plan's bytes.
 */
#pragma once
#include "packet/plan.h"

/**
 * plan_resolve() - ask for the destination MACs that a compiled plan still lacks, and write them
 *
 * Waits PLAN_RESOLVE_MS in all. Sends ARP or neighbour solicitations, so the policy must have
 * allowed the plan. Thread: the worker that will run it. Return: 0; ERROR_CODE_FAILED_PRECONDITION
 * with @ret_error naming who did not answer.
 */
enum { PLAN_RESOLVE_MS = 1000 };
int plan_resolve(struct plan *plan, struct error *ret_error);
