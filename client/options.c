/* options: see options.h. */
#include "options.h"
#include "print.h"
#include "units.h"
#include "util.h"

#include <string.h>

int options_usage(const char *command, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	_cleanup_free_ char *text = util_vprintf(format, args);
	va_end(args);
	_cleanup_free_ char *escaped = print_escaped(text);
	if (command)
		print_error("%s: %s\nsee `pagecast %s --help`", command, escaped, command);
	else
		print_error("%s\nsee `pagecast --help`", escaped);
	return EXIT_USAGE;
}

int options_bad(const struct options *options, const char *name, const char *value,
		const char *format, ...)
{
	va_list args;
	va_start(args, format);
	_cleanup_free_ char *text = util_vprintf(format, args);
	va_end(args);
	return options_usage(options->command, "--%s: '%s' %s", name, value, text);
}

static bool table_ends(const struct option *option)
{
	return !option->name && !option->help;
}

static const struct option *find(const struct option *const *tables, const char *name, size_t len)
{
	for (; *tables; tables++)
		for (const struct option *o = *tables; !table_ends(o); o++)
			if (o->name && strlen(o->name) == len && memcmp(o->name, name, len) == 0)
				return o;
	return NULL;
}

static const char *option_name_at(const void *context, size_t i)
{
	for (const struct option *const *tables = context; *tables; tables++)
		for (const struct option *o = *tables; !table_ends(o); o++)
			if (o->name && i-- == 0)
				return o->name;
	return NULL;
}

static int unknown(const struct options *options, const struct option *const *tables,
		   const char *name, size_t len)
{
	_cleanup_free_ char *word = util_strndup(name, len);
	const char *nearest = util_nearest(word, option_name_at, (const void *)tables);
	if (nearest)
		return options_usage(options->command, "unknown flag --%s; did you mean --%s?",
				     word, nearest);
	return options_usage(options->command, "unknown flag --%s", word);
}

static int add_use(struct options *options, const struct option *option, const char *value)
{
	if (option->value && !option->repeatable && options_has(options, option->name))
		return options_usage(options->command, "--%s is given twice", option->name);
	options->uses = util_grow(options->uses, options->use_count, sizeof *options->uses);
	options->uses[options->use_count++] = (struct option_use){option, value};
	return 0;
}

/* Reads the flag at argv[*i]; leaves *i at the last word it took. */
static int read_flag(struct options *options, const struct option *const *tables, int argc,
		     char **argv, int *i)
{
	const char *word = argv[*i];
	if (strcmp(word, "-h") == 0)
		word = "--help";
	if (word[1] != '-')
		return options_usage(options->command,
				     "unknown flag %s; flags begin with two dashes", word);
	const char *name = word + 2, *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct option *option = find(tables, name, len);
	if (!option)
		return unknown(options, tables, name, len);
	if (!option->value && equals)
		return options_usage(options->command, "--%s takes no value", option->name);
	if (!option->value)
		return add_use(options, option, NULL);
	if (!equals && *i + 1 >= argc)
		return options_usage(options->command, "--%s needs a value: --%s %s", option->name,
				     option->name, option->value);
	return add_use(options, option, equals ? equals + 1 : argv[++*i]);
}

int options_read(struct options *options, const struct option *const *tables, int argc, char **argv,
		 bool stop_at_argument)
{
	bool flags = true;
	int i;
	for (i = 0; i < argc; i++) {
		if (flags && strcmp(argv[i], "--") == 0) {
			flags = false;
			continue;
		}
		if (flags && argv[i][0] == '-' && argv[i][1]) {
			int r = read_flag(options, tables, argc, argv, &i);
			if (r)
				return r;
			continue;
		}
		if (stop_at_argument)
			break;
		options->arguments = util_grow(options->arguments, options->argument_count,
					       sizeof *options->arguments);
		options->arguments[options->argument_count++] = argv[i];
	}
	options->consumed = (size_t)i;
	return 0;
}

void options_deinit(struct options *options)
{
	free(options->uses);
	free(options->arguments);
	*options = (struct options){0};
}

static const struct option_use *find_use(const struct options *options, const char *name)
{
	for (size_t i = 0; i < options->use_count; i++)
		if (strcmp(options->uses[i].option->name, name) == 0)
			return &options->uses[i];
	return NULL;
}

bool options_has(const struct options *options, const char *name)
{
	return find_use(options, name) != NULL;
}

const char *options_value(const struct options *options, const char *name)
{
	const struct option_use *use = find_use(options, name);
	return use ? use->value : NULL;
}

int options_count(const struct options *options, const char *name, uint64_t min, uint64_t max,
		  uint64_t *ret_value)
{
	const char *value = options_value(options, name);
	uint64_t read;
	if (!value)
		return 0;
	if (!units_read_count(value, &read))
		return options_bad(options, name, value,
				   "is not a whole number; write 1000, 10k or 2M");
	if ((read < min || read > max) && max == UINT64_MAX)
		return options_bad(options, name, value, "is less than %llu",
				   (unsigned long long)min);
	if (read < min || read > max)
		return options_bad(options, name, value, "is not between %llu and %llu",
				   (unsigned long long)min, (unsigned long long)max);
	*ret_value = read;
	return 0;
}

int options_u32(const struct options *options, const char *name, uint32_t min, uint32_t max,
		uint32_t *ret_value)
{
	uint64_t read = *ret_value;
	int r = options_count(options, name, min, max, &read);
	if (r)
		return r;
	*ret_value = (uint32_t)read;
	return 0;
}

int options_int(const struct options *options, const char *name, int64_t min, int64_t max,
		int32_t *ret_value)
{
	const char *value = options_value(options, name);
	int64_t read;
	if (!value)
		return 0;
	if (!units_read_int(value, &read))
		return options_bad(options, name, value, "is not a whole number");
	if (read < min || read > max)
		return options_bad(options, name, value, "is not between %lld and %lld",
				   (long long)min, (long long)max);
	*ret_value = (int32_t)read;
	return 0;
}

int options_rate(const struct options *options, const char *name, double *ret_value)
{
	const char *value = options_value(options, name);
	if (value && !units_read_rate(value, ret_value))
		return options_bad(options, name, value,
				   "is not a positive number; write 0.5, 1000, 10k or 2.5M");
	return 0;
}

int options_duration(const struct options *options, const char *name, int64_t *ret_ns)
{
	const char *value = options_value(options, name);
	if (value && !units_read_duration(value, ret_ns))
		return options_bad(options, name, value,
				   "is not a duration; write 10s, 500ms, 2m or 1m30s");
	return 0;
}

int options_text(const struct options *options, const char *name, size_t max,
		 const char **ret_value)
{
	const char *value = options_value(options, name);
	if (!value)
		return 0;
	if (!util_is_utf8(value, strlen(value)))
		return options_bad(options, name, value, "is not UTF-8");
	if (strlen(value) > max)
		return options_usage(options->command, "--%s: %zu bytes; at most %zu", name,
				     strlen(value), max);
	*ret_value = value;
	return 0;
}

int options_one_of(const struct options *options, const char *const *names, const char **ret_name)
{
	*ret_name = NULL;
	for (; *names; names++) {
		if (!options_has(options, *names))
			continue;
		if (*ret_name)
			return options_usage(options->command,
					     "--%s and --%s exclude each other: give one",
					     *ret_name, *names);
		*ret_name = *names;
	}
	return 0;
}

void options_print(const struct option *table, FILE *out)
{
	for (const struct option *o = table; !table_ends(o); o++) {
		if (!o->name) {
			fprintf(out, "\n%s:\n", o->help);
			continue;
		}
		char left[64];
		snprintf(left, sizeof left, "--%s%s%s", o->name, o->value ? " " : "",
			 o->value ? o->value : "");
		fprintf(out, "  %-26s %s\n", left, o->help);
	}
}
