/* config: see config.h. Sources are read from the strongest to the weakest; a setting that has a
 * value keeps it. */
#include "base/config.h"

#include "base/util.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

static const char ENVIRONMENT_PREFIX[] = "PAGECAST_";
static const char BLANKS[] = " \t\r";

static const char *const SOURCE_NAMES[] = {
	[CONFIG_FROM_DEFAULT] = "default",
	[CONFIG_FROM_FILE] = "file",
	[CONFIG_FROM_ENVIRONMENT] = "environment",
	[CONFIG_FROM_COMMAND_LINE] = "command line",
};

static size_t find(const struct config *config, const char *name, size_t len)
{
	for (size_t i = 0; i < config->count; i++)
		if (strlen(config->options[i].name) == len &&
		    memcmp(config->options[i].name, name, len) == 0)
			return i;
	return SIZE_MAX;
}

/* @place names the setting as the user wrote it: "--workers", "PAGECAST_WORKERS", "FILE:3: workers"
 */
static int add(struct config *config, size_t index, enum config_source source, const char *value,
	       const char *place, struct error *ret_error)
{
	const struct config_option *option = &config->options[index];
	struct config_setting *setting = &config->settings[index];
	const char *right = option->check ? option->check(value) : NULL;
	if (right)
		return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT, "%s: \"%.200s\" is not %s",
				 place, value, right);
	if (setting->count && !(option->flags & CONFIG_REPEATABLE)) /* the last one counts */
		free(setting->values[--setting->count]);
	if (setting->count == CONFIG_VALUES_MAX)
		return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
				 "%s: more than %d values are given", place, CONFIG_VALUES_MAX);
	char **values = reallocarray(setting->values, setting->count + 1, sizeof *values);
	if (values)
		setting->values = values;
	char *copy = strdup(value);
	if (!values || !copy) {
		free(copy);
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	}
	setting->values[setting->count++] = copy;
	setting->source = source;
	return 0;
}

static int read_argument(struct config *config, const char *const *arguments, size_t left,
			 size_t *ret_used, struct error *ret_error)
{
	const char *text = arguments[0];
	if (strncmp(text, "--", 2) != 0 || !text[2])
		return error_set(
			ret_error, ERROR_CODE_INVALID_ARGUMENT,
			"unexpected argument \"%.200s\": options start with --, see --help", text);
	size_t len = strcspn(text + 2, "=");
	const char *value = text[2 + len] ? text + 2 + len + 1 : NULL;
	size_t index = find(config, text + 2, len);
	char place[64];
	snprintf(place, sizeof place, "--%.*s", (int)len, text + 2);
	if (index == SIZE_MAX)
		return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
				 "%s: unknown option, see --help", place);
	*ret_used = 1;
	if (config->options[index].flags & CONFIG_SWITCH) {
		if (value)
			return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
					 "%s: does not take a value", place);
		value = "yes";
	} else if (!value) {
		if (left < 2)
			return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
					 "%s: missing value, %s", place,
					 config->options[index].argument);
		value = arguments[1];
		*ret_used = 2;
	}
	return add(config, index, CONFIG_FROM_COMMAND_LINE, value, place, ret_error);
}

static const char *find_in_environment(const char *const *environment, const char *name,
				       char place[static 64])
{
	int len = snprintf(place, 64, "%s%s", ENVIRONMENT_PREFIX, name);
	for (int i = 0; i < len; i++)
		place[i] = place[i] == '-' ? '_' : (char)toupper((unsigned char)place[i]);
	for (; environment && *environment; environment++)
		if (strncmp(*environment, place, (size_t)len) == 0 && (*environment)[len] == '=')
			return *environment + len + 1;
	return NULL;
}

static int read_environment(struct config *config, const char *const *environment,
			    struct error *ret_error)
{
	for (size_t i = 0; i < config->count; i++) {
		const struct config_option *option = &config->options[i];
		char place[64];
		if (config->settings[i].count || option->flags & CONFIG_ONLY_COMMAND_LINE)
			continue;
		const char *value = find_in_environment(environment, option->name, place);
		if (!value || !*value) /* an empty value counts as unset */
			continue;
		if (!(option->flags & CONFIG_REPEATABLE)) {
			int r = add(config, i, CONFIG_FROM_ENVIRONMENT, value, place, ret_error);
			if (r)
				return r;
			continue;
		}
		_cleanup_free_ char *words = strdup(value);
		if (!words)
			return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
		char *state = NULL;
		for (char *word = strtok_r(words, BLANKS, &state); word;
		     word = strtok_r(NULL, BLANKS, &state)) {
			int r = add(config, i, CONFIG_FROM_ENVIRONMENT, word, place, ret_error);
			if (r)
				return r;
		}
	}
	return 0;
}

static char *trimmed(char *text)
{
	text += strspn(text, BLANKS);
	size_t len = strlen(text);
	while (len && strchr(BLANKS, text[len - 1]))
		len--;
	text[len] = '\0';
	return text;
}

/* "name = value" or "name value"; " #" starts a comment. */
static int read_line(struct config *config, const bool *set_before, const char *file, int number,
		     char *line, struct error *ret_error)
{
	for (char *hash = line; (hash = strchr(hash, '#')); hash++)
		if (hash == line || strchr(BLANKS, hash[-1])) {
			*hash = '\0';
			break;
		}
	char *name = trimmed(line);
	if (!*name)
		return 0;
	size_t len = strcspn(name, " \t=");
	char *value = name + len + strspn(name + len, BLANKS);
	value = trimmed(*value == '=' ? value + 1 : value);
	char place[512];
	snprintf(place, sizeof place, "%.300s:%d: %.*s", file, number, (int)MIN(len, (size_t)64),
		 name);
	size_t index = find(config, name, len);
	if (index == SIZE_MAX)
		return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
				 "%s: unknown setting, see --help", place);
	if (config->options[index].flags & (CONFIG_ONLY_COMMAND_LINE | CONFIG_NOT_IN_FILE))
		return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
				 "%s: not allowed in a settings file", place);
	if (!*value)
		return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT, "%s: missing value, %s",
				 place, config->options[index].argument);
	if (set_before[index])
		return 0;
	return add(config, index, CONFIG_FROM_FILE, value, place, ret_error);
}

static int read_text(const char *file, char ret_text[static CONFIG_FILE_BYTES_MAX + 1],
		     size_t *ret_len, struct error *ret_error)
{
	_cleanup_close_ int fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set(ret_error, ERROR_CODE_NOT_FOUND, "--config: cannot open %s: %s",
				 file, strerror(errno));
	size_t len = 0;
	for (ssize_t n; len <= CONFIG_FILE_BYTES_MAX; len += (size_t)n) {
		n = read(fd, ret_text + len, CONFIG_FILE_BYTES_MAX + 1 - len);
		if (n < 0)
			return error_set(ret_error, ERROR_CODE_NOT_FOUND,
					 "--config: cannot read %s: %s", file, strerror(errno));
		if (n == 0)
			break;
	}
	if (len > CONFIG_FILE_BYTES_MAX)
		return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
				 "--config: %s is larger than the limit of %d bytes", file,
				 CONFIG_FILE_BYTES_MAX);
	if (memchr(ret_text, '\0', len))
		return error_set(ret_error, ERROR_CODE_INVALID_ARGUMENT,
				 "--config: %s is not a text file: it contains a NUL byte", file);
	ret_text[len] = '\0';
	*ret_len = len;
	return 0;
}

static int read_file(struct config *config, const char *file, struct error *ret_error)
{
	_cleanup_free_ char *text = malloc(CONFIG_FILE_BYTES_MAX + 1);
	_cleanup_free_ bool *set_before = calloc(config->count, sizeof *set_before);
	size_t len;
	if (!text || !set_before)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	int r = read_text(file, text, &len, ret_error);
	if (r)
		return r;
	for (size_t i = 0; i < config->count; i++)
		set_before[i] = config->settings[i].count > 0;
	int number = 0;
	for (char *line = text, *next; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		r = read_line(config, set_before, file, ++number, line, ret_error);
		if (r)
			return r;
	}
	return 0;
}

static int take_defaults(struct config *config, struct error *ret_error)
{
	for (size_t i = 0; i < config->count; i++) {
		const struct config_option *option = &config->options[i];
		if (config->settings[i].count || !option->fallback)
			continue;
		int r = add(config, i, CONFIG_FROM_DEFAULT, option->fallback, option->name,
			    ret_error);
		if (r)
			return r;
	}
	return 0;
}

static int take_all(struct config *config, const char *const *arguments, size_t argument_count,
		    const char *const *environment, struct error *ret_error)
{
	for (size_t i = 0, used = 0; i < argument_count; i += used) {
		int r = read_argument(config, arguments + i, argument_count - i, &used, ret_error);
		if (r)
			return r;
	}
	int r = read_environment(config, environment, ret_error);
	if (r)
		return r;
	size_t file = find(config, "config", strlen("config"));
	if (file != SIZE_MAX && config->settings[file].count) {
		r = read_file(config, config->settings[file].values[0], ret_error);
		if (r)
			return r;
	}
	return take_defaults(config, ret_error);
}

int config_load(struct config *ret_config, const struct config_option *options, size_t count,
		const char *const *arguments, size_t argument_count, const char *const *environment,
		struct error *ret_error)
{
	struct config config = {options, count, calloc(count, sizeof *config.settings)};
	if (!config.settings)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	int r = take_all(&config, arguments, argument_count, environment, ret_error);
	if (r) {
		config_deinit(&config);
		return r;
	}
	*ret_config = config;
	return 0;
}

void config_deinit(struct config *config)
{
	for (size_t i = 0; config->settings && i < config->count; i++) {
		for (size_t k = 0; k < config->settings[i].count; k++)
			free(config->settings[i].values[k]);
		free(config->settings[i].values);
	}
	free(config->settings);
	config->settings = NULL;
	config->count = 0;
}

const struct config_setting *config_get_all(const struct config *config, const char *name)
{
	size_t index = find(config, name, strlen(name));
	assert(index != SIZE_MAX);
	return &config->settings[index];
}

const char *config_get(const struct config *config, const char *name)
{
	const struct config_setting *setting = config_get_all(config, name);
	return setting->count ? setting->values[0] : NULL;
}

void config_print(const struct config *config, FILE *to)
{
	for (size_t i = 0; i < config->count; i++) {
		const struct config_option *option = &config->options[i];
		const struct config_setting *setting = &config->settings[i];
		if (option->flags & CONFIG_ONLY_COMMAND_LINE)
			continue;
		const char *comment = option->flags & CONFIG_NOT_IN_FILE ? "# " : "";
		for (size_t k = 0; k < setting->count; k++)
			fprintf(to, "%s%s = %s  # %s\n", comment, option->name, setting->values[k],
				SOURCE_NAMES[setting->source]);
		if (!setting->count)
			fprintf(to, "# %s is not set%s%s  # default\n", option->name,
				option->fallback_text ? ": " : "",
				option->fallback_text ? option->fallback_text : "");
	}
}

void config_help(const struct config_option *options, size_t count, FILE *to)
{
	for (size_t i = 0; i < count; i++) {
		char left[64];
		snprintf(left, sizeof left, "--%s%s%s", options[i].name,
			 options[i].argument ? " " : "",
			 options[i].argument ? options[i].argument : "");
		fprintf(to, "  %-26s %s", left, options[i].help);
		if (options[i].flags & CONFIG_REPEATABLE)
			fputs("; may be repeated", to);
		if (options[i].fallback)
			fprintf(to, " (default: %s)", options[i].fallback);
		else if (options[i].fallback_text)
			fprintf(to, " (default: %s)", options[i].fallback_text);
		fputc('\n', to);
	}
}
