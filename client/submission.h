/*
 * submission: submit a job to every agent, then print its id and state (detached) or follow it to
 * its end. Shared by `send` (protobuf) and `submit` (the user's own JSON).
 */
#pragma once
#include "client.h"
#include "follow.h"

struct submission {
	const ProtobufCMessage *spec; /* NULL: json */
	const char *json;
	size_t json_len;
	const char *request_id;		     /* NULL: none */
	const struct follow_options *follow; /* NULL: detach */
};

/** submission_request_id() - the --request-id flag. Return: 0; EXIT_USAGE, printed */
int submission_request_id(const struct options *options, struct submission *submission);
/**
 * submission_read() - the text of a spec from a file, "-": standard input
 * @ret_text: owned
 * Return: 0; EXIT_USAGE, printed for @command
 */
int submission_read(const char *command, const char *path, char **ret_text, size_t *ret_len);
/** submission_run() - Return: an enum exit_code */
int submission_run(struct client *client, const struct submission *submission);
