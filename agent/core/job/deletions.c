/* deletions: see deletions.h. */
#include "core/job/deletions.h"

#include <string.h>

void deletions_note(struct deletions *deletions, const char *id, uint64_t revision)
{
	struct deletion *deletion = &deletions->ring[deletions->count++ % DELETIONS_MAX];
	if (deletion->revision)
		deletions->floor = deletion->revision;
	memcpy(deletion->id, id, sizeof deletion->id);
	deletion->revision = revision;
}

const struct deletion *deletions_find(const struct deletions *deletions, const char *id)
{
	for (size_t i = 0; i < DELETIONS_MAX; i++)
		if (deletions->ring[i].revision && strcmp(deletions->ring[i].id, id) == 0)
			return &deletions->ring[i];
	return NULL;
}
