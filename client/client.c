/* client: see client.h. */
#include "client.h"
#include "print.h"
#include "util.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define DEFAULT_AGENT "http://127.0.0.1:8470"

const struct option CLIENT_OPTIONS[] = {
	{"agent", "URL", "http://, https:// or unix:PATH; repeatable: the command goes to each",
	 true},
	{"token-file", "FILE",
	 "file with the token to authenticate with; else $PAGECAST_TOKEN_FILE", false},
	{"ca", "FILE", "certificates to trust for https://, instead of the system's", false},
	{"cert", "FILE", "client certificate for https://", false},
	{"key", "FILE", "its private key, unless it is in the same file", false},
	{"json", NULL, "print the API's JSON unchanged", false},
	{"help", NULL, "show this help", false},
	OPTION_END,
};

/* "host[:port]" of a URL: the characters of a host name, an IPv6 literal and a port. */
static bool is_authority(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr(".-_:[]%", text[i]))
			return false;
	return len > 0;
}

static int bad_agent(const char *url, const char *what)
{
	return options_usage(
		NULL, "agent '%s' %s; write http://HOST:PORT, https://HOST:PORT or unix:PATH", url,
		what);
}

static int read_unix(const char *url, struct http_peer *peer)
{
	const char *path = url + strlen("unix:");
	struct sockaddr_un address;
	if (!*path)
		return bad_agent(url, "has no path");
	if (strlen(path) >= sizeof address.sun_path)
		return bad_agent(url, "has a path longer than the 107 bytes of a socket address");
	peer->socket = util_strdup(path);
	peer->base = util_strdup("http://localhost");
	return 0;
}

static int read_agent(const char *url, struct http_peer *peer)
{
	if (strncmp(url, "unix:", 5) == 0) {
		int r = read_unix(url, peer);
		peer->name = util_strdup(url);
		return r;
	}
	const char *authority = strncmp(url, "http://", 7) == 0	   ? url + 7
				: strncmp(url, "https://", 8) == 0 ? url + 8
								   : NULL;
	if (!authority)
		return bad_agent(url, "has no scheme");
	size_t len = strcspn(authority, "/");
	if (!is_authority(authority, len))
		return bad_agent(url, "has no host");
	/* a path is a reverse proxy's, in front of the agent's own */
	size_t path_len = strlen(authority + len);
	if (strcspn(authority + len, "?#") != path_len)
		return bad_agent(url, "has a query or a fragment");
	while (path_len && authority[len + path_len - 1] == '/')
		path_len--;
	peer->base = util_strndup(url, (size_t)(authority - url) + len + path_len);
	peer->name = util_strdup(peer->base);
	return 0;
}

static int add_agent(struct client *client, const char *url)
{
	if (client->peer_count == CLIENT_AGENTS_MAX)
		return options_usage(NULL, "more than %d agents", CLIENT_AGENTS_MAX);
	client->peers = util_grow(client->peers, client->peer_count, sizeof *client->peers);
	return read_agent(url, &client->peers[client->peer_count++]);
}

/* Does something listen on this socket, or does it exist without permission for us? Both mean that
 * an agent runs there. */
static bool socket_answers(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof address.sun_path)
		return false;
	memcpy(address.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	int r = connect(fd, (struct sockaddr *)&address, sizeof address);
	bool answers = r == 0 || errno == EAGAIN || errno == EACCES;
	close(fd);
	return answers;
}

static int add_socket_of(struct client *client, const char *folder, const char *name)
{
	if (!folder || !*folder || client->peer_count)
		return 0;
	_cleanup_free_ char *url = util_printf("unix:%s%s", folder, name);
	return socket_answers(url + 5) ? add_agent(client, url) : 0;
}

static int add_default_agent(struct client *client)
{
	int r = add_socket_of(client, getenv("RUNTIME_DIRECTORY"), "/api.sock");
	r = r ? r : add_socket_of(client, getenv("XDG_RUNTIME_DIR"), "/pagecast/api.sock");
	r = r ? r : add_socket_of(client, "/run/pagecast", "/api.sock");
	if (r || client->peer_count)
		return r;
	return add_agent(client, DEFAULT_AGENT);
}

static int add_agents(struct client *client, const struct options *options)
{
	for (size_t i = 0; i < options->use_count; i++) {
		if (strcmp(options->uses[i].option->name, "agent") != 0)
			continue;
		int r = add_agent(client, options->uses[i].value);
		if (r)
			return r;
	}
	const char *variable = getenv("PAGECAST_AGENT");
	if (client->peer_count || !variable)
		return client->peer_count ? 0 : add_default_agent(client);
	_cleanup_free_ char *list = util_strdup(variable);
	char *save = NULL;
	for (char *url = strtok_r(list, " ", &save); url; url = strtok_r(NULL, " ", &save)) {
		int r = add_agent(client, url);
		if (r)
			return r;
	}
	return client->peer_count ? 0 : add_default_agent(client);
}

static int refuse_token(const char *path, const char *why)
{
	return options_usage(NULL, "token file %s: %s", path, why);
}

static int read_token(struct client *client, const char *path)
{
	_cleanup_file_ FILE *file = fopen(path, "re");
	struct stat status;
	if (!file || fstat(fileno(file), &status))
		return refuse_token(path, strerror(errno));
	if (!S_ISREG(status.st_mode))
		return refuse_token(path, "is not a regular file");
	if (status.st_mode & 077)
		return refuse_token(path, "other users can read or change it; run chmod 600 on it");
	char *token = client->token = util_calloc(CLIENT_TOKEN_MAX + 1, 1);
	size_t len = fread(token, 1, CLIENT_TOKEN_MAX + 1, file);
	if (len > CLIENT_TOKEN_MAX)
		return refuse_token(path, "is too long to be a token");
	while (len && isspace((unsigned char)token[len - 1]))
		len--;
	token[len] = 0;
	for (size_t i = 0; i < len; i++)
		if (token[i] <= ' ' || token[i] > '~')
			return refuse_token(path, "contains something else than one token");
	return len ? 0 : refuse_token(path, "is empty");
}

static int check_readable(const struct options *options, const char *name)
{
	const char *path = options_value(options, name);
	if (path && access(path, R_OK))
		return options_usage(NULL, "--%s %s: %s", name, path, strerror(errno));
	return 0;
}

int client_init(struct client *client, const struct options *options)
{
	const char *token_file = options_value(options, "token-file");
	int r = add_agents(client, options);
	if (!token_file)
		token_file = getenv("PAGECAST_TOKEN_FILE");
	if (!r && token_file && *token_file)
		r = read_token(client, token_file);
	r = r ? r : check_readable(options, "ca");
	r = r ? r : check_readable(options, "cert");
	r = r ? r : check_readable(options, "key");
	if (!r && options_has(options, "key") && !options_has(options, "cert"))
		r = options_usage(NULL, "--key needs --cert: give the certificate, too");
	if (r)
		return r;
	client->json = options_has(options, "json");
	const struct http_credentials credentials = {
		.token = client->token,
		.ca_file = options_value(options, "ca"),
		.cert_file = options_value(options, "cert"),
		.key_file = options_value(options, "key"),
	};
	client->http = http_new(&credentials);
	return 0;
}

void client_deinit(struct client *client)
{
	client->http = http_free(client->http);
	for (size_t i = 0; i < client->peer_count; i++) {
		free(client->peers[i].name);
		free(client->peers[i].base);
		free(client->peers[i].socket);
	}
	free(client->peers);
	free(client->token);
	*client = (struct client){0};
}

const char *client_prefix(const struct client *client, const struct http_peer *peer)
{
	return client->peer_count > 1 ? peer->name : NULL;
}

int client_merge(const int *codes, size_t count)
{
	int merged = EXIT_DONE;
	size_t unreached = 0;
	for (size_t i = 0; i < count; i++) {
		unreached += codes[i] == EXIT_NO_AGENT;
		if (codes[i] != EXIT_DONE)
			merged = codes[i] == EXIT_NO_AGENT ? EXIT_FAILED : codes[i];
	}
	return count && unreached == count ? EXIT_NO_AGENT : merged;
}
