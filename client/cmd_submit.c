/* submit: a JobSpec as JSON from a file or standard input, unchanged. */
#include "command.h"
#include "submission.h"
#include "util.h"

static const struct option OPTIONS[] = {
	{"watch", NULL, "follow the job to its end; Ctrl-C cancels it", false},
	{"request-id", "ID", "repeated with the same id, the request gives the same job", false},
	OPTION_END,
};
static const struct option *const TABLES[] = {OPTIONS, NULL};

static int run_submit(struct client *client, const struct options *options)
{
	_cleanup_free_ char *text = NULL;
	const struct follow_options follow = {.cancel = true};
	struct submission submission = {
		.follow = options_has(options, "watch") ? &follow : NULL,
	};
	int r = submission_request_id(options, &submission);
	r = r ? r : submission_read("submit", options->arguments[0], &text, &submission.json_len);
	submission.json = text;
	return r ? r : submission_run(client, &submission);
}

const struct command COMMAND_SUBMIT = {
	.name = "submit",
	.arguments = "FILE|-",
	.summary = "submit a job written as JSON",
	.details = "Prints the job's id and state. The JSON is a JobSpec, as in the API.",
	.examples = "  echo '{\"streams\":[{\"udp\":{\"address\":\"127.0.0.1\",\"port\":9000},\n"
		    "    \"payloads\":[{\"text\":\"hello\"}],\"limit\":{\"packets\":1000}}]}' | "
		    "pagecast submit -\n"
		    "  pagecast submit job.json --watch",
	.options = TABLES,
	.arguments_min = 1,
	.arguments_max = 1,
	.run = run_submit,
};
