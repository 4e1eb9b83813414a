/* jobs: see jobs.h. */
#include "jobs.h"
#include "print.h"
#include "spec.h"
#include "summary.h"
#include "util.h"

#include <string.h>

int jobs_each(const struct client *client, const struct options *options, const struct call *call,
	      const char *suffix, call_printer printer)
{
	int *codes = util_calloc(options->argument_count, sizeof *codes);
	for (size_t i = 0; i < options->argument_count; i++) {
		_cleanup_free_ char *path = call_job_path(options->arguments[i], suffix);
		struct call one = *call;
		one.path = path;
		codes[i] = call_each(client, &one, printer, (void *)options->arguments[i]);
	}
	int code = client_merge(codes, options->argument_count);
	free(codes);
	return code;
}

void jobs_print_summary(const ProtobufCMessage *message, FILE *out, void *context)
{
	(void)context;
	summary_print((const Pagecast__V1__Job *)message, false, out);
}

void jobs_print_state(const ProtobufCMessage *message, FILE *out, void *context)
{
	(void)context;
	const Pagecast__V1__Job *job = (const Pagecast__V1__Job *)message;
	_cleanup_free_ char *id = print_escaped(job->id);
	_cleanup_free_ char *line = summary_line(job);
	fprintf(out, "%s %s\n", id, line);
}

int jobs_streams(const struct options *options, char ***ret_names, size_t *ret_count)
{
	char **names = NULL;
	size_t count = 0;
	for (size_t i = 0; i < options->use_count; i++) {
		const char *name = options->uses[i].value;
		if (strcmp(options->uses[i].option->name, "stream") != 0)
			continue;
		if (!*name || strlen(name) > SPEC_NAME_MAX_BYTES) {
			free(names);
			return options_bad(options, "stream", name,
					   "is not the name of a stream: 1 to %d bytes",
					   SPEC_NAME_MAX_BYTES);
		}
		names = util_grow(names, count, sizeof *names);
		names[count++] = (char *)name;
	}
	*ret_names = names;
	*ret_count = count;
	return 0;
}
