/*
 * store: where jobs outlive the agent's memory, as an interface that a database fills.
 *
 * A job's row is its name, its state and three blobs: `spec` (the whole JobSpec), `basic` (without
 * streams, with the labels) and `record` (the Job message's changing part: times, account, report,
 * problems). Writes of one job carry a rising version: a write that is older than what is stored is
 * dropped, so that writers need no order among themselves. A call that waits returns when the row
 * is as durable as the store makes it; many may wait at once (the implementation may commit them
 * together). The agent never holds its lock during a call. Thread: any.
 */
#pragma once
#include "pagecast/error.h"
#include "store/blob.h"
#include "store/job_id.h"

#include <nettle/sha2.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "pagecast/v1/job.pb-c.h"

struct store;

struct store_job {
	char id[JOB_ID_LEN + 1];
	Pagecast__V1__JobState state;
	uint64_t version;	/* of this row, from 1 */
	uint64_t revision;	/* of the agent's counter: the highest stored is where it goes on */
	int64_t create_ns;	/* CLOCK_REALTIME */
	int64_t end_ns;		/* 0: not ended */
	const char *owner;	/* borrowed, as all that follows */
	const char *request_id; /* empty: none. (owner, request_id) is unique where it is not */
	const uint8_t *spec_digest; /* [SHA256_DIGEST_SIZE] of the spec as it was submitted */
	struct blob *spec;	    /* in an update NULL: unchanged */
	struct blob *basic;	    /* likewise */
	struct blob *record;
	/* Of load() only. A checksum does not fit: blobs are NULL, and nothing but the id is
	 * sure... */
	bool damaged;
	/* ...if this is false owner, request_id, spec_digest and create_ns, too; else they are
	 * as they were read, or empty */
	bool identity_damaged;
};

enum store_wait { STORE_WAIT, STORE_NO_WAIT };

struct store_read {
	struct blob *spec, *record; /* owned */
};

struct store_ops {
	/* Nothing of a row that was refused is kept. Return: 0; UNAVAILABLE */
	int (*create)(struct store *store, const struct store_job *job, struct error *ret_error);
	/* STORE_NO_WAIT: errors are the store's own to log, and a newer row of the same job may
	 * replace one that is still waiting. Return: 0; UNAVAILABLE */
	int (*update)(struct store *store, const struct store_job *job, enum store_wait wait,
		      struct error *ret_error);
	int (*remove)(struct store *store, const char *id, enum store_wait wait,
		      struct error *ret_error);
	/* @want_spec: else ret_read->spec is NULL. Return: 0; NOT_FOUND; DATA_LOSS: the row is
	 * damaged; UNAVAILABLE */
	int (*read)(struct store *store, const char *id, bool want_spec,
		    struct store_read *ret_read, struct error *ret_error);
	/* Every row, oldest id first, before the first other call; spec and record are lent only
	 * for rows that have not ended. @each returns an error_code to stop. */
	int (*load)(struct store *store,
		    int (*each)(void *context, const struct store_job *job,
				struct error *ret_error),
		    void *context, struct error *ret_error);
	/* Would create() be taken now? Return: 0; UNAVAILABLE with the reason */
	int (*check)(struct store *store, struct error *ret_error);
	/* Write what waits, close. */
	void (*free)(struct store *store);
};

struct store {
	const struct store_ops *ops;
	_Atomic uint64_t
		commits;  /* of one write or several; writer: the store, readers: any; relaxed */
	size_t lost;	  /* rows that load() could not read; written by it */
	bool rolled_back; /* its latest commits were lost to damage; set when it is made */
	bool emptied;	  /* the database was empty where there had been one; set when it is made */
	bool in_memory;	  /* rows cost the agent's memory: it bounds the history by bytes too */
};

/** store_memory_new() - rows in memory, gone with the process. Return: 0; UNAVAILABLE */
int store_memory_new(struct store **ret_store, struct error *ret_error);
