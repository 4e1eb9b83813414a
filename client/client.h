/*
 * client: what a command runs with: its agents, credentials and form of output.
 *
 * Which agents: --agent (several: the command goes to each), else $PAGECAST_AGENT, else the unix
 * socket of an agent on this machine, else http://127.0.0.1:8470.
 */
#pragma once
#include "http.h"
#include "options.h"

enum {
	CLIENT_AGENTS_MAX = 64,
	CLIENT_TOKEN_MAX = 4096,
	CLIENT_LOST_S = 10, /* how long an agent that stopped answering is retried */
};

struct client {
	struct http *http;
	struct http_peer *peers; /* [peer_count], at least 1 */
	size_t peer_count;
	bool json;
	char *token;
};

/** client_init() - from the flags of every command. Return: 0; EXIT_USAGE, printed */
int client_init(struct client *client, const struct options *options);
void client_deinit(struct client *client);

/** client_prefix() - what to print in front of this peer's lines; NULL with a single agent */
const char *client_prefix(const struct client *client, const struct http_peer *peer);

/* The flags of every command. */
extern const struct option CLIENT_OPTIONS[];

/** client_merge() - the exit code of several agents: 3 if none was reached, 1 if some failed */
int client_merge(const int *codes, size_t count);
