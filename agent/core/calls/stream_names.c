/* stream_names: see stream_names.h. */
#include "core/calls/stream_names.h"

#include "base/util.h"
#include "packet/plan.h"

#include <stdio.h>
#include <string.h>

enum { LIST_BYTES = 160 }; /* of the names that there are, in a fault */

void stream_names_deinit(struct stream_names *names)
{
	free(names->streams);
	*names = (struct stream_names){0};
}

static size_t find(const Pagecast__V1__JobSpec *spec, const char *name)
{
	size_t i = 0;
	while (i < spec->n_streams && strcmp(spec->streams[i]->name, name) != 0)
		i++;
	return i;
}

/* The first names of @spec, as many as fit. */
static void list_names(const Pagecast__V1__JobSpec *spec, char list[LIST_BYTES])
{
	size_t len = 0, named = 0;
	list[0] = '\0';
	for (size_t i = 0; i < spec->n_streams; i++) {
		const char *name = spec->streams[i]->name;
		if (!name[0])
			continue;
		size_t need = strlen(name) + sizeof "\"\", and more";
		if (len + need > LIST_BYTES) {
			snprintf(list + len, LIST_BYTES - len, "%s",
				 named ? " and more" : "long ones");
			return;
		}
		len += (size_t)snprintf(list + len, LIST_BYTES - len, "%s\"%s\"",
					named++ ? ", " : "", name);
	}
}

static void check_name(const Pagecast__V1__JobSpec *spec, const char *name, size_t at,
		       size_t *ret_stream, struct error *ret_error)
{
	char field[32], list[LIST_BYTES];
	snprintf(field, sizeof field, "streams[%zu]", at);
	*ret_stream = name[0] ? find(spec, name) : spec->n_streams;
	if (*ret_stream < spec->n_streams)
		return;
	list_names(spec, list);
	error_violate(ret_error, field, "no stream of the job is named \"%.128s\"; %s%s", name,
		      list[0] ? "its names: " : "none has a name", list);
}

static int find_all(const Pagecast__V1__JobSpec *spec, char *const *names, size_t count,
		    struct stream_names *found, struct error *ret_error)
{
	if (count > PLAN_STREAMS_MAX) {
		error_violate(ret_error, "streams", "%zu names are more than %d", count,
			      PLAN_STREAMS_MAX);
		return (int)ret_error->code;
	}
	found->streams = calloc(count + 1, sizeof *found->streams);
	if (!found->streams)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	for (size_t i = 0; i < count; i++)
		check_name(spec, names[i], i, &found->streams[i], ret_error);
	found->count = count;
	return (int)ret_error->code;
}

int stream_names_find(struct agent *agent, struct job *job, char *const *names, size_t count,
		      struct stream_names *ret_found, struct error *ret_error)
{
	*ret_found = (struct stream_names){0};
	if (!count)
		return 0;
	agent_lock(agent);
	_cleanup_blob_ struct blob *packed = job->live ? blob_ref(job->live->spec) : NULL;
	agent_unlock(agent);
	if (!packed) /* ended: whoever asks for its state says so */
		return 0;
	Pagecast__V1__JobSpec *spec =
		pagecast__v1__job_spec__unpack(NULL, packed->len, packed->data);
	if (!spec)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	int r = find_all(spec, names, count, ret_found, ret_error);
	if (r)
		stream_names_deinit(ret_found);
	pagecast__v1__job_spec__free_unpacked(spec, NULL);
	return r;
}
