/* Settings: who wins, and what a mistake is answered with. */
#include "base/config.h"
#include "base/util.h"
#include "lib/test.h"

static const char *small_number(const char *value)
{
	char *end;
	long number = strtol(value, &end, 10);
	return *end || !*value || number < 1 || number > 64 ? "between 1 and 64" : NULL;
}

static const struct config_option OPTIONS[] = {
	{"config", "FILE", "settings", NULL, NULL, CONFIG_NOT_IN_FILE, NULL},
	{"listen", "HOST:PORT", "where", NULL, "the defaults", CONFIG_REPEATABLE, NULL},
	{"workers", "N", "senders", "1", NULL, 0, small_number},
	{"log-level", "LEVEL", "how much", "info", NULL, 0, NULL},
	{"help", NULL, "this text", NULL, NULL, CONFIG_SWITCH | CONFIG_ONLY_COMMAND_LINE, NULL},
};

static int load(struct config *ret_config, const char *const *arguments,
		const char *const *environment, struct error *error)
{
	size_t count = 0;
	while (arguments[count])
		count++;
	return config_load(ret_config, OPTIONS, ARRAY_SIZE(OPTIONS), arguments, count, environment,
			   error);
}

static void refused(const char *const *arguments, const char *const *environment, const char *with)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct config config;
	CHECK_INT(load(&config, arguments, environment, &error), !=, 0);
	CHECK_HAS(error_message(&error), with);
}

static char file_name[] = "/tmp/pagecast-config-XXXXXX";

static void write_file(const char *text)
{
	strcpy(file_name, "/tmp/pagecast-config-XXXXXX");
	int fd = mkstemp(file_name);
	CHECK(fd >= 0);
	CHECK_INT(write(fd, text, strlen(text)), ==, strlen(text));
	close(fd);
}

TEST(config_command_line_beats_environment_beats_file_beats_default)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct config config;
	write_file(
		"# settings\nworkers = 3 # three\nlog-level debug\nlisten = a:1\nlisten = b:2\n");
	const char *environment[] = {"PAGECAST_LOG_LEVEL=warn", "PAGECAST_WORKERS=4", "HOME=/",
				     NULL};
	CHECK_INT(load(&config, (const char *[]){"--config", file_name, "--workers=5", NULL},
		       environment, &error),
		  ==, 0);
	CHECK_STR(config_get(&config, "workers"), "5");
	CHECK_INT(config_get_all(&config, "workers")->source, ==, CONFIG_FROM_COMMAND_LINE);
	CHECK_STR(config_get(&config, "log-level"), "warn");
	const struct config_setting *listen = config_get_all(&config, "listen");
	CHECK_INT(listen->count, ==, 2);
	CHECK_STR(listen->values[1], "b:2");
	CHECK_INT(listen->source, ==, CONFIG_FROM_FILE);
	config_deinit(&config);
	CHECK_INT(load(&config, (const char *[]){NULL}, NULL, &error), ==, 0);
	CHECK_STR(config_get(&config, "workers"), "1");
	CHECK_INT(config_get_all(&config, "listen")->count, ==, 0);
	config_deinit(&config);
	unlink(file_name);
}

TEST(config_repeatable_options_take_all_values_of_one_source)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct config config;
	const char *environment[] = {"PAGECAST_LISTEN=c:3  d:4", NULL};
	CHECK_INT(load(&config, (const char *[]){NULL}, environment, &error), ==, 0);
	CHECK_INT(config_get_all(&config, "listen")->count, ==, 2);
	CHECK_STR(config_get_all(&config, "listen")->values[1], "d:4");
	config_deinit(&config);
	CHECK_INT(load(&config, (const char *[]){"--listen", "a:1", "--listen=b:2", NULL},
		       environment, &error),
		  ==, 0);
	CHECK_INT(config_get_all(&config, "listen")->count, ==, 2);
	CHECK_STR(config_get(&config, "listen"), "a:1");
	config_deinit(&config);
}

TEST(config_the_last_of_a_single_option_counts)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct config config;
	CHECK_INT(load(&config, (const char *[]){"--workers", "2", "--workers", "7", NULL}, NULL,
		       &error),
		  ==, 0);
	CHECK_STR(config_get(&config, "workers"), "7");
	config_deinit(&config);
}

TEST(config_mistakes_are_named_with_their_place)
{
	refused((const char *[]){"--frobnicate", NULL}, NULL,
		"--frobnicate: unknown option, see --help");
	refused((const char *[]){"--log", "info", NULL}, NULL, "--log: unknown option");
	refused((const char *[]){"serve", NULL}, NULL,
		"unexpected argument \"serve\": options start with --");
	refused((const char *[]){"--", NULL}, NULL, "unexpected argument \"--\"");
	refused((const char *[]){"--workers", NULL}, NULL, "--workers: missing value, N");
	refused((const char *[]){"--help=1", NULL}, NULL, "--help: does not take a value");
	refused((const char *[]){"--workers", "0", NULL}, NULL,
		"--workers: \"0\" is not between 1 and 64");
	refused((const char *[]){NULL}, (const char *[]){"PAGECAST_WORKERS=many", NULL},
		"PAGECAST_WORKERS: \"many\" is not between 1 and 64");
	refused((const char *[]){"--config", "/nonexistent/x", NULL}, NULL,
		"cannot open /nonexistent/x: No such file");
}

static void file_refused(const char *text, const char *with)
{
	write_file(text);
	refused((const char *[]){"--config", file_name, NULL}, NULL, with);
	unlink(file_name);
}

TEST(config_mistakes_in_the_file_are_named_with_their_line)
{
	file_refused("\n\nworkers = 65\n", ":3: workers: \"65\" is not between 1 and 64");
	file_refused("worker = 6\n", ":1: worker: unknown setting");
	file_refused("config = other\n", ":1: config: not allowed in a settings file");
	file_refused("help = yes\n", ":1: help: not allowed in a settings file");
	file_refused("log-level =\n", ":1: log-level: missing value, LEVEL");
	refused((const char *[]){"--config", "/", NULL}, NULL, "cannot read /");
	refused((const char *[]){"--config", "/dev/zero", NULL}, NULL,
		"is larger than the limit of 65536 bytes");
}

TEST(config_prints_each_setting_with_its_source_as_a_file_that_reads_back)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct config config;
	char text[2048] = "";
	const char *environment[] = {"PAGECAST_LISTEN=c:3", NULL};
	CHECK_INT(load(&config, (const char *[]){"--workers", "2", NULL}, environment, &error), ==,
		  0);
	FILE *to = fmemopen(text, sizeof text, "w");
	config_print(&config, to);
	fclose(to);
	config_deinit(&config);
	CHECK_HAS(text, "workers = 2  # command line\n");
	CHECK_HAS(text, "listen = c:3  # environment\n");
	CHECK_HAS(text, "log-level = info  # default\n");
	CHECK(!strstr(text, "help"));
	write_file(text);
	CHECK_INT(load(&config, (const char *[]){"--config", file_name, NULL}, NULL, &error), ==,
		  0);
	CHECK_STR(config_get(&config, "workers"), "2");
	CHECK_STR(config_get(&config, "listen"), "c:3");
	config_deinit(&config);
	unlink(file_name);
}

TEST_MAIN(CASE(config_command_line_beats_environment_beats_file_beats_default),
	  CASE(config_repeatable_options_take_all_values_of_one_source),
	  CASE(config_the_last_of_a_single_option_counts),
	  CASE(config_mistakes_are_named_with_their_place),
	  CASE(config_mistakes_in_the_file_are_named_with_their_line),
	  CASE(config_prints_each_setting_with_its_source_as_a_file_that_reads_back))
