/*
 * pagecast: the command-line client. Finds the command, reads its flags against its tables, runs
 * it, and gives its exit code: 0 done, 1 the job or the request failed, 2 usage, 3 no agent
 * reached.
 */
#include "command.h"
#include "print.h"
#include "util.h"

#include <locale.h>
#include <signal.h>
#include <string.h>

/* NULL-terminated. */
static const struct command *const COMMANDS[] = {
	&COMMAND_SEND,
	&COMMAND_SUBMIT,
	&COMMAND_PREVIEW,
	&COMMAND_GET,
	&COMMAND_LIST,
	&COMMAND_WATCH,
	&COMMAND_CANCEL,
	&COMMAND_PAUSE,
	&COMMAND_RESUME,
	&COMMAND_RATE,
	&COMMAND_DELETE,
	&COMMAND_AGENT,
	&COMMAND_POLICY,
	&COMMAND_INTERFACES,
	&COMMAND_ENGINES,
	&COMMAND_VERSION,
	NULL,
};

static const struct option MAIN_OPTIONS[] = {
	{"version", NULL, "print the client's version", false},
	OPTION_END,
};

static const char *command_name_at(const void *context, size_t i)
{
	(void)context;
	return COMMANDS[i] ? COMMANDS[i]->name : NULL;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; COMMANDS[i]; i++)
		if (strcmp(COMMANDS[i]->name, name) == 0)
			return COMMANDS[i];
	return NULL;
}

static void print_main_help(FILE *out)
{
	fputs("pagecast: send packets from a pagecastd agent\n\n"
	      "usage: pagecast [FLAGS] COMMAND [FLAGS] [ARGUMENTS]\n\ncommands:\n",
	      out);
	for (size_t i = 0; COMMANDS[i]; i++)
		fprintf(out, "  %-12s %s\n", COMMANDS[i]->name, COMMANDS[i]->summary);
	fputs("\nflags of every command:\n", out);
	options_print(CLIENT_OPTIONS, out);
	options_print(MAIN_OPTIONS, out);
	fputs("\nWithout --agent: $PAGECAST_AGENT, else the unix socket of an agent on this "
	      "machine,\n"
	      "else http://127.0.0.1:8470.\n"
	      "Exit: 0 done; 1 the job or the request failed; 2 usage; 3 no agent reached.\n\n"
	      "example:\n"
	      "  pagecast send udp://127.0.0.1:9000 --text hello --pps 100 --packets 1000\n",
	      out);
}

static void print_command_help(const struct command *command)
{
	printf("pagecast %s: %s\n\nusage: pagecast %s [FLAGS]%s%s\n", command->name,
	       command->summary, command->name, *command->arguments ? " " : "", command->arguments);
	if (command->details)
		printf("\n%s\n", command->details);
	bool headed = false;
	for (const struct option *const *table = command->options; *table; table++) {
		if ((*table)->name && !headed)
			fputs("\nFlags:\n", stdout);
		headed |= (*table)->name || (*table)->help;
		options_print(*table, stdout);
	}
	fputs("\nFlags of every command:\n", stdout);
	options_print(CLIENT_OPTIONS, stdout);
	printf("\nexample:\n%s\n", command->examples);
}

static int check_arguments(const struct command *command, const struct options *options)
{
	size_t count = options->argument_count;
	if (count < command->arguments_min)
		return options_usage(command->name, "missing argument: %s", command->arguments);
	if (count > command->arguments_max)
		return options_usage(command->name, "unexpected argument '%s'",
				     options->arguments[command->arguments_max]);
	for (size_t i = 0; i < count; i++)
		if (!*options->arguments[i])
			return options_usage(command->name, "an argument is empty");
	return 0;
}

enum { TABLES_MAX = 8 };

static int run_command(const struct command *command, struct options *options, int argc,
		       char **argv)
{
	const struct option *tables[TABLES_MAX] = {CLIENT_OPTIONS};
	struct client client = {0};
	for (size_t i = 0; command->options[i] && i + 2 < TABLES_MAX; i++)
		tables[i + 1] = command->options[i];
	options->command = command->name;
	int r = options_read(options, tables, argc, argv, false);
	if (!r && options_has(options, "help")) {
		print_command_help(command);
		return EXIT_DONE;
	}
	r = r ? r : check_arguments(command, options);
	if (!r && !command->local)
		r = client_init(&client, options);
	r = r ? r : command->run(&client, options);
	client_deinit(&client);
	return r;
}

static int run(struct options *options, int argc, char **argv)
{
	static const struct option *const TABLES[] = {CLIENT_OPTIONS, MAIN_OPTIONS, NULL};
	int r = options_read(options, TABLES, argc, argv, true);
	if (r)
		return r;
	argc -= (int)options->consumed;
	argv += options->consumed;
	if (options_has(options, "version")) {
		puts("pagecast " PAGECAST_VERSION);
		return EXIT_DONE;
	}
	bool help = options_has(options, "help");
	if (!help && argc && strcmp(argv[0], "help") == 0) {
		help = true;
		argc--;
		argv++;
	}
	if (!argc) {
		print_main_help(help ? stdout : stderr);
		return help ? EXIT_DONE : EXIT_USAGE;
	}
	const struct command *command = find_command(argv[0]);
	if (command && help) {
		print_command_help(command);
		return EXIT_DONE;
	}
	if (command)
		return run_command(command, options, argc - 1, argv + 1);
	const char *nearest = util_nearest(argv[0], command_name_at, NULL);
	if (nearest)
		return options_usage(NULL, "unknown command '%s'; did you mean '%s'?", argv[0],
				     nearest);
	return options_usage(NULL, "unknown command '%s'", argv[0]);
}

int main(int argc, char **argv)
{
	struct options options = {0};
	setlocale(LC_CTYPE, "");
	/* A closed pipe must not end the client while its job runs: print_flush() reports it. */
	signal(SIGPIPE, SIG_IGN);
	print_init();
	int code = run(&options, argc - 1, argv + 1);
	options_deinit(&options);
	if (!print_flush() && code == EXIT_DONE)
		code = EXIT_FAILED;
	return code;
}
