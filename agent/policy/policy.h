/*
 * policy: what may be sent, where to and how much. Deny by default.
 *
 * The Policy message, checked and prepared for lookups. Immutable; a reload makes a new one.
 * What the message leaves out is filled in: allowed_networks with the built-in ones, bounds with
 * the agent's own; empty lists of ports, interfaces and engines allow all. Thread: any.
 */
#pragma once
#include "pagecast/error.h"
#include "policy/network.h"

#include <stdatomic.h>
#include <stdbool.h>

#include "pagecast/v1/agent_service.pb-c.h"

enum {
	POLICY_LIST_MAX = 1024, /* entries of each list: a rule set a person can still read */
	POLICY_JOBS_QUEUED_DEFAULT = 1000,
	POLICY_JOBS_QUEUED_MAX = 100000, /* the queue is an array that is shifted on insertion */
};

struct policy {
	_Atomic uint32_t references;
	Pagecast__V1__Policy *message; /* owned; in force, everything filled in */
	struct network *networks;      /* [message->n_allowed_networks] */
	struct network *sources;       /* [message->n_allowed_sources] */
	bool names_multicast;	       /* some network lies within multicast */
	int64_t max_duration_ns;       /* 0: none */
};

/**
 * policy_new() - check a message and copy it
 * @message: borrowed; NULL: the built-in policy
 *
 * Return: 0 with *ret_policy owned; INVALID_ARGUMENT with all faults ("allowedNetworks[2]").
 */
int policy_new(struct policy **ret_policy, const Pagecast__V1__Policy *message,
	       struct error *ret_error);
struct policy *policy_ref(struct policy *policy);
/** policy_unref() - NULL-safe. Return: NULL */
struct policy *policy_unref(struct policy *policy);

/** policy_allows_interface(), policy_allows_engine() - by name, whichever of its names the policy
 * lists; by kind */
bool policy_allows_interface(const struct policy *policy, const char *name);
bool policy_allows_engine(const struct policy *policy, Pagecast__V1__EngineKind kind);
