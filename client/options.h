/*
 * options: the flags of a command line, read against tables that also make the --help.
 *
 * "--name value" and "--name=value"; "--" ends them; flags and arguments may mix. Whatever is wrong
 * is printed with the nearest name that is right, and gives EXIT_USAGE. Uses keep their order,
 * because payloads are sent in the order in which they were given.
 */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct option {
	const char
		*name; /* without dashes; NULL with a help: a heading in --help; both NULL: end */
	const char *value; /* what --help calls it; NULL: a switch */
	const char *help;
	bool repeatable;
};
#define OPTION_END                                                                                 \
	{                                                                                          \
		NULL, NULL, NULL, false                                                            \
	}

struct option_use {
	const struct option *option;
	const char *value; /* borrowed from argv; NULL for a switch */
};

struct options {
	const char *command; /* for messages: "send"; NULL for the flags in front of the command */
	struct option_use *uses;
	size_t use_count;
	const char **arguments;
	size_t argument_count;
	size_t consumed; /* how much of argv was read; all of it unless it stopped at an argument */
};

/**
 * options_read() - read @argv into @options, which the caller initialised; adds to earlier uses
 * @tables:           NULL-terminated list of option tables, the first that knows a name wins
 * @stop_at_argument: stop at the first word that is not a flag (the command)
 *
 * Return: 0; EXIT_USAGE, printed.
 */
int options_read(struct options *options, const struct option *const *tables, int argc, char **argv,
		 bool stop_at_argument);
void options_deinit(struct options *options);

bool options_has(const struct options *options, const char *name);
/** options_value() - of the only use; NULL when absent */
const char *options_value(const struct options *options, const char *name);

/** options_bad() - print that a value is wrong: "--pps: 'x' is …". Return: EXIT_USAGE */
int options_bad(const struct options *options, const char *name, const char *value,
		const char *format, ...) __attribute__((format(printf, 4, 5)));
/** options_usage() - print what is wrong with the command line, and where help is. Return:
 * EXIT_USAGE */
int options_usage(const char *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Typed values. Absent leaves *ret_value as it is. Return: 0; EXIT_USAGE, printed with what would
 * be right.
 */
int options_count(const struct options *options, const char *name, uint64_t min, uint64_t max,
		  uint64_t *ret_value);
int options_u32(const struct options *options, const char *name, uint32_t min, uint32_t max,
		uint32_t *ret_value);
int options_int(const struct options *options, const char *name, int64_t min, int64_t max,
		int32_t *ret_value);
int options_rate(const struct options *options, const char *name, double *ret_value);
int options_duration(const struct options *options, const char *name, int64_t *ret_ns);
/** options_text() - UTF-8 of at most @max bytes; *ret_value borrowed */
int options_text(const struct options *options, const char *name, size_t max,
		 const char **ret_value);
/**
 * options_one_of() - at most one of these flags may be given
 * @names:    NULL-terminated
 * @ret_name: the one given; NULL when none is
 */
int options_one_of(const struct options *options, const char *const *names, const char **ret_name);

/** options_print() - a table as --help shows it */
void options_print(const struct option *table, FILE *out);
