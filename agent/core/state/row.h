/*
 * row: a job as the store keeps it: taken under the lock, written without it.
 *
 * Rows of one job carry a rising version, given when they are taken: whatever the order in which
 * they reach the store, the newest stays.
 */
#pragma once
#include "core/state/agent_private.h"

/**
 * row_take() - (L) the row of @job as it is now, of a new version
 *
 * Ownership: blobs are referenced; strings are borrowed from @job, to which the caller keeps a
 * reference. To be given to row_store() or row_create(),
 * which release it, or to row_release().
 */
struct store_job row_take(struct agent *agent, struct job *job);
/** row_set_record() - another record than the job's, whose reference is consumed */
void row_set_record(struct store_job *row, struct blob *record);
/** row_release() - a row that is not stored after all */
void row_release(struct store_job *row);
/** row_create() - store the first row of a job; consumes @row. Without the lock. Return: 0;
 * UNAVAILABLE */
int row_create(struct agent *agent, struct store_job *row, struct error *ret_error);
/** row_store() - store a newer row; consumes @row. Without the lock, unless no thread runs yet.
 * Return: 0; UNAVAILABLE */
int row_store(struct agent *agent, struct store_job *row, enum store_wait wait,
	      struct error *ret_error);
/** row_save() - store @job as it is now, if its end is not stored anyway. Without the lock. Return:
 * 0; UNAVAILABLE */
int row_save(struct agent *agent, struct job *job, enum store_wait wait, struct error *ret_error);
