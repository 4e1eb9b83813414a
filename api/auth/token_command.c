/* token_command: see token_command.h. */
#include "api/auth/token_command.h"

#include "api/auth/tokens.h"
#include "api/auth/tokens_edit.h"
#include "api/codec/json_time.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, PATH_BYTES = 4096 };

struct token_options {
	const char *action;
	const char *tokens, *name, *role, *expires; /* NULL: not given */
	char **arguments;			    /* after the action, [argument_count] */
	int argument_count;
	char default_file[PATH_BYTES];
};

static const char HELP[] =
	"usage: pagecastd token create --name NAME [--role ROLE] [--expires WHEN] [--tokens FILE]\n"
	"       pagecastd token list [--tokens FILE]\n"
	"       pagecastd token revoke ACCESSOR [--tokens FILE]\n"
	"\n"
	"Creates, lists and revokes the tokens by which callers of pagecastd --tokens FILE\n"
	"authenticate. create prints the token once: the file keeps only its SHA-256.\n"
	"A running agent reads the file again at SIGHUP.\n"
	"\n"
	"  --tokens FILE   the file; else $PAGECAST_TOKENS, else `tokens` in the state folder\n"
	"  --name NAME     who will hold the token: 1 to 64 letters, digits or . _ - @; jobs\n"
	"                  belong to token:NAME, so each token requires a name of its own\n"
	"  --role ROLE     viewer reads; operator, the default, also submits and acts on jobs;\n"
	"                  admin also deletes the jobs of others\n"
	"  --expires WHEN  30d, 12h, 90m or 3600s from now, a time such as 2030-01-31T00:00:00Z, "
	"or\n"
	"                  never, the default\n"
	"\n"
	"example: pagecastd token create --tokens /etc/pagecast/tokens --name ci --expires 30d\n";

static int usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int usage(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("pagecastd token: ", stderr);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs("\nsee `pagecastd token --help`\n", stderr);
	return EXIT_USAGE;
}

static int refused(const struct error *error)
{
	fprintf(stderr, "pagecastd token: %s\n", error_message(error));
	return EXIT_REFUSED;
}

/* ---- create ---- */

/* "30d", "12h", "90m", "3600s". Return: 0: it is not one of these */
static int64_t read_span_s(const char *text)
{
	static const struct {
		char letter;
		int64_t seconds;
	} UNITS[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	size_t digits = strspn(text, "0123456789");
	if (digits == 0 || digits > 9 || strlen(text) != digits + 1)
		return 0;
	for (size_t i = 0; i < sizeof UNITS / sizeof *UNITS; i++)
		if (UNITS[i].letter == text[digits])
			return strtoll(text, NULL, 10) * UNITS[i].seconds;
	return 0;
}

static int read_expiry(const char *text, int64_t *ret_expires_s)
{
	int64_t now_s = time(NULL), span_s = text ? read_span_s(text) : 0;
	int32_t nanos;
	if (!text || strcmp(text, "never") == 0) {
		*ret_expires_s = INT64_MAX;
		return 0;
	}
	if (span_s)
		*ret_expires_s = now_s + span_s;
	else if (!json_time_read_timestamp(text, strlen(text), ret_expires_s, &nanos))
		return usage("--expires: \"%s\" is not a time; give 30d, 12h, 90m, 3600s, "
			     "2030-01-31T00:00:00Z or never",
			     text);
	/* A year of five digits could not be written the way the file has it. */
	if (!json_time_timestamp_fits(*ret_expires_s, 0))
		return usage("--expires: \"%s\" is past the year 9999; give never for no expiry",
			     text);
	return *ret_expires_s > now_s ? 0 : usage("--expires: \"%s\" is in the past", text);
}

static int create(const struct token_options *options)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	const char *role_name = options->role ? options->role : "operator";
	enum agent_role role = agent_role_parse(role_name);
	char text[TOKEN_TEXT_LEN + 1], expires[TOKEN_EXPIRY_BYTES];
	int64_t expires_s;
	if (!options->name)
		return usage("missing --name NAME: create requires it");
	if (role == AGENT_ROLE_NONE)
		return usage("--role: \"%s\" is not viewer, operator or admin", role_name);
	int r = read_expiry(options->expires, &expires_s);
	if (r)
		return r;
	if (tokens_create(options->tokens, options->name, role, expires_s, text, &error))
		return refused(&error);
	printf("%s\n", text);
	token_expiry_print(expires_s, expires);
	fprintf(stderr,
		"token %.*s of %s, %s, expires %s: in %s, for pagecastd --tokens; a running agent "
		"reads the file again at SIGHUP\n",
		TOKEN_ACCESSOR_LEN, text + strlen(TOKEN_PREFIX), options->name, role_name, expires,
		options->tokens);
	return fflush(stdout) ? EXIT_REFUSED : EXIT_DONE;
}

/* ---- list, revoke ---- */

static int list(const struct token_options *options)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct tokens *tokens = NULL;
	const struct token *token;
	int64_t now_s = time(NULL);
	if (tokens_list(options->tokens, &tokens, &error))
		return refused(&error);
	printf("%-8s  %-8s  %-20s  %s\n", "ACCESSOR", "ROLE", "EXPIRES", "NAME");
	for (size_t i = 0; (token = tokens_at(tokens, i)); i++) {
		char expires[TOKEN_EXPIRY_BYTES];
		token_expiry_print(token->expires_s, expires);
		printf("%-8s  %-8s  %-20s  %s%s\n", token->accessor, agent_role_name(token->role),
		       expires, token->name, token->expires_s <= now_s ? "  (expired)" : "");
	}
	tokens_free(tokens);
	return EXIT_DONE;
}

static int revoke(const struct token_options *options)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	if (options->argument_count != 1)
		return usage("revoke takes one ACCESSOR; `pagecastd token list` shows them");
	const char *accessor = options->arguments[0];
	if (tokens_revoke(options->tokens, accessor, &error))
		return refused(&error);
	fprintf(stderr,
		"token %s is revoked in %s; a running agent reads the file again at SIGHUP\n",
		accessor, options->tokens);
	return EXIT_DONE;
}

/* ---- the command line ---- */

static int read_options(struct token_options *options, int argc, char **argv)
{
	enum { HELP_ASKED = 'h', TOKENS = 1, NAME, ROLE, EXPIRES };
	static const struct option LONG[] = {
		{"tokens", required_argument, NULL, TOKENS},
		{"name", required_argument, NULL, NAME},
		{"role", required_argument, NULL, ROLE},
		{"expires", required_argument, NULL, EXPIRES},
		{"help", no_argument, NULL, HELP_ASKED},
		{NULL, 0, NULL, 0},
	};
	int found;
	opterr = 0;
	while ((found = getopt_long(argc, argv, ":h", LONG, NULL)) != -1) {
		switch (found) {
		case HELP_ASKED: options->action = "help"; return 0;
		case TOKENS: options->tokens = optarg; break;
		case NAME: options->name = optarg; break;
		case ROLE: options->role = optarg; break;
		case EXPIRES: options->expires = optarg; break;
		case ':': return usage("%s requires a value", argv[optind - 1]);
		default: return usage("unknown option %s", argv[optind - 1]);
		}
	}
	if (optind == argc)
		return usage("missing action: create, list or revoke");
	options->action = argv[optind];
	options->arguments = argv + optind + 1;
	options->argument_count = argc - optind - 1;
	return 0;
}

static int choose_file(struct token_options *options, const char *state_dir)
{
	if (!options->tokens)
		options->tokens = getenv("PAGECAST_TOKENS");
	if (options->tokens && *options->tokens)
		return 0;
	if (!state_dir)
		return usage("missing --tokens FILE: no state folder is known that could hold the "
			     "default file");
	snprintf(options->default_file, sizeof options->default_file, "%s/tokens", state_dir);
	options->tokens = options->default_file;
	return 0;
}

int token_command(int argc, char **argv, const char *state_dir)
{
	struct token_options options = {0};
	int r = read_options(&options, argc, argv);
	if (r)
		return r;
	if (strcmp(options.action, "help") == 0) {
		fputs(HELP, stdout);
		return EXIT_DONE;
	}
	r = choose_file(&options, state_dir);
	if (r)
		return r;
	if (strcmp(options.action, "revoke") == 0)
		return revoke(&options);
	if (options.argument_count)
		return usage("unexpected argument \"%s\"", options.arguments[0]);
	if (strcmp(options.action, "create") == 0)
		return create(&options);
	if (strcmp(options.action, "list") == 0)
		return list(&options);
	return usage("unknown action \"%s\"; give create, list or revoke", options.action);
}
