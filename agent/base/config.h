/*
 * config: settings of a program, from the command line, the environment, a file, or the default;
 * the first of these that has a value wins.
 *
 * A program has one table of options. "log-level" is --log-level on the command line,
 * PAGECAST_LOG_LEVEL in the environment and `log-level = info` in the file named by the option
 * "config". A repeatable option takes all values of the first source that has any; in the
 * environment they are separated by spaces, in the file each has its own line. Every value is
 * checked when it is read, so that an error names its place. Thread: the main thread, before there
 * are others.
 */
#pragma once
#include "pagecast/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum {
	CONFIG_FILE_BYTES_MAX = 65536, /* a settings file is a page or two */
	CONFIG_VALUES_MAX = 256,       /* of one repeatable option */
};

enum config_source {
	CONFIG_FROM_DEFAULT,
	CONFIG_FROM_FILE,
	CONFIG_FROM_ENVIRONMENT,
	CONFIG_FROM_COMMAND_LINE,
};

enum config_flag {
	CONFIG_REPEATABLE = 1,
	CONFIG_SWITCH = 2,	      /* takes no value; its value is "yes" */
	CONFIG_ONLY_COMMAND_LINE = 4, /* an action, not a setting: not in config_print() */
	CONFIG_NOT_IN_FILE = 8,	      /* the file cannot name another file */
};

struct config_option {
	const char *name;	   /* "log-level" */
	const char *argument;	   /* "LEVEL", for --help; NULL for a switch */
	const char *help;	   /* one line */
	const char *fallback;	   /* the default value; NULL: unset */
	const char *fallback_text; /* what the agent does without a value, for --help; or NULL */
	unsigned int flags;	   /* of enum config_flag */
	/* Return: NULL: @value is valid; else what would be valid ("between 1 and 64"). NULL: any
	 * value is */
	const char *(*check)(const char *value);
};

struct config_setting {
	char **values; /* owned, [count] */
	size_t count;
	enum config_source source;
};

struct config {
	const struct config_option *options; /* borrowed */
	size_t count;
	struct config_setting *settings; /* [count] */
};

/**
 * config_load() - read the settings from all sources
 * @arguments:   [argument_count], without the program's name
 * @environment: as environ(7), NULL at the end; other PAGECAST_* variables are ignored
 *
 * Return: 0 with *ret_config owned (config_deinit()); INVALID_ARGUMENT naming the option, the value
 * and its source; NOT_FOUND: the file cannot be read.
 */
int config_load(struct config *ret_config, const struct config_option *options, size_t count,
		const char *const *arguments, size_t argument_count, const char *const *environment,
		struct error *ret_error);
void config_deinit(struct config *config);

/** config_get() - the value of an option of the table; NULL: unset */
const char *config_get(const struct config *config, const char *name);
/** config_get_all() - the setting of an option of the table, for repeatable ones */
const struct config_setting *config_get_all(const struct config *config, const char *name);

/** config_print() - each setting and its source, in the format of the file */
void config_print(const struct config *config, FILE *to);
/** config_help() - the options, one a line */
void config_help(const struct config_option *options, size_t count, FILE *to);
