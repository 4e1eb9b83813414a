/* submission: see submission.h. */
#include "submission.h"
#include "call.h"
#include "message.h"
#include "print.h"
#include "spec.h"
#include "summary.h"
#include "util.h"

#include <errno.h>
#include <string.h>

enum {
	REQUEST_ID_MAX_BYTES = 128,
};

int submission_request_id(const struct options *options, struct submission *submission)
{
	const char *id = options_value(options, "request-id");
	if (!id)
		return 0;
	size_t len = strlen(id);
	for (size_t i = 0; i < len; i++)
		if (id[i] <= ' ' || id[i] > '~')
			return options_bad(options, "request-id", id,
					   "contains something else than printable ASCII");
	if (!len || len > REQUEST_ID_MAX_BYTES)
		return options_bad(options, "request-id", id, "is not 1 to %d characters long",
				   REQUEST_ID_MAX_BYTES);
	submission->request_id = id;
	return 0;
}

int submission_read(const char *command, const char *path, char **ret_text, size_t *ret_len)
{
	bool standard_input = strcmp(path, "-") == 0;
	_cleanup_file_ FILE *file = standard_input ? NULL : fopen(path, "re");
	if (!standard_input && !file)
		return options_usage(command, "%s: %s", path, strerror(errno));
	char *text = *ret_text = util_calloc(SPEC_MAX_BYTES + 1, 1);
	errno = 0;
	*ret_len = fread(text, 1, SPEC_MAX_BYTES + 1, file ? file : stdin);
	if (ferror(file ? file : stdin))
		return options_usage(command, "%s: %s", path, strerror(errno));
	if (*ret_len > SPEC_MAX_BYTES)
		return options_usage(command, "%s: longer than %d MiB, the limit of an agent", path,
				     SPEC_MAX_BYTES >> 20);
	return 0;
}

static void print_accepted(const ProtobufCMessage *message, FILE *out, void *context)
{
	(void)context;
	const Pagecast__V1__Job *job = (const Pagecast__V1__Job *)message;
	_cleanup_free_ char *id = print_escaped(job->id);
	fprintf(out, "%s %s\n", id, summary_state(job));
}

static int submit_to(const struct client *client, const struct http_peer *peer,
		     const struct call *call, struct follow *follow)
{
	ProtobufCMessage *message = NULL;
	if (!follow && client->json)
		return call_print_json(client, peer, call);
	int r = call_message(client, peer, call, &message);
	if (r)
		return r;
	if (!follow) {
		call_print(client, peer, message, print_accepted, NULL);
		message_free(message);
		return EXIT_DONE;
	}
	Pagecast__V1__Job *job = (Pagecast__V1__Job *)message;
	follow_add(follow, peer, job->id, job);
	return EXIT_DONE;
}

int submission_run(struct client *client, const struct submission *submission)
{
	_cleanup_free_ char *key =
		submission->request_id ? util_printf("Idempotency-Key: %s", submission->request_id)
				       : NULL;
	const struct call call = {
		.method = "POST",
		.path = "/v1/jobs",
		.body = submission->spec,
		.json = submission->json,
		.json_len = submission->json_len,
		.header = key,
		.answer = &pagecast__v1__job__descriptor,
	};
	int codes[CLIENT_AGENTS_MAX + 1] = {0};
	size_t count = 0;
	struct follow *follow = submission->follow ? follow_new(client, submission->follow) : NULL;
	for (size_t i = 0; i < client->peer_count && !follow_signalled(); i++)
		codes[count++] = submit_to(client, &client->peers[i], &call, follow);
	int code = client_merge(codes, count);
	if (!follow)
		return code;
	int followed = follow_run(follow);
	follow_free(follow);
	return code == EXIT_DONE || follow_signalled() ? followed : code;
}
