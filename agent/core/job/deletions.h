/*
 * deletions: the last deletions of jobs, for those who watch: what no job can report any more.
 *
 * A ring: the newest DELETIONS_MAX are kept. `floor` is the revision up to which deletions are
 * forgotten: a watcher that knows less than that has to start again. Thread: the owner's lock.
 */
#pragma once
#include "store/job_id.h"

#include <stddef.h>
#include <stdint.h>

enum { DELETIONS_MAX = 1024 };

struct deletion {
	char id[JOB_ID_LEN + 1];
	uint64_t revision; /* 0: none yet */
};

struct deletions {
	struct deletion ring[DELETIONS_MAX];
	size_t count;	/* ever */
	uint64_t floor; /* deletions up to this revision are forgotten */
};

/** deletions_note() - job @id was deleted at @revision */
void deletions_note(struct deletions *deletions, const char *id, uint64_t revision);
/** deletions_find() - the deletion of job @id; NULL: none is known. Borrowed */
const struct deletion *deletions_find(const struct deletions *deletions, const char *id);
