/*
 * command: one verb of `pagecast` a file; each defines its struct command, main.c lists them.
 */
#pragma once
#include "client.h"

enum { COMMAND_ARGUMENTS_MAX = 1000 }; /* of "ID…" */

struct command {
	const char *name;
	const char *arguments;		     /* as --help shows them: "ID…" */
	const char *summary;		     /* one line, for the list of commands */
	const char *details;		     /* further paragraphs of --help; may be NULL */
	const char *examples;		     /* lines as they are typed */
	const struct option *const *options; /* NULL-terminated list of tables */
	size_t arguments_min, arguments_max;
	/* Return: an enum exit_code */
	int (*run)(struct client *client, const struct options *options);
	bool local; /* does without an agent; @client is all zero */
};

extern const struct command COMMAND_SEND, COMMAND_SUBMIT, COMMAND_PREVIEW, COMMAND_GET,
	COMMAND_LIST, COMMAND_WATCH, COMMAND_CANCEL, COMMAND_PAUSE, COMMAND_RESUME, COMMAND_RATE,
	COMMAND_DELETE, COMMAND_AGENT, COMMAND_POLICY, COMMAND_INTERFACES, COMMAND_ENGINES,
	COMMAND_VERSION;
