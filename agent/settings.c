/* settings: see settings.h. */
#include "settings.h"

#include "base/log.h"
#include "base/util.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

/* Held jobs leave one free: with one there could be none. */
enum { SETTINGS_WORKERS_LEAST = 2 };

static bool read_number(const char *text, uint64_t max, uint64_t *ret_number)
{
	char *end;
	errno = 0;
	*ret_number = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno && *ret_number <= max;
}

static const char *check_workers(const char *value)
{
	uint64_t workers;
	_Static_assert(AGENT_WORKERS_MAX == 64, "as in the text");
	return read_number(value, AGENT_WORKERS_MAX, &workers) && workers ? NULL
									  : "between 1 and 64";
}

static const char *check_jobs(const char *value)
{
	uint64_t jobs;
	_Static_assert(AGENT_HISTORY_JOBS_MAX == 1000000, "as in the text");
	return read_number(value, AGENT_HISTORY_JOBS_MAX, &jobs) && jobs ? NULL
									 : "between 1 and 1000000";
}

/* "90s", "30m", "36h", "7d". Return: 0: not an age */
static uint64_t read_age_s(const char *value)
{
	static const struct {
		char letter;
		uint64_t seconds;
	} UNITS[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	char digits[16] = "";
	size_t len = strspn(value, "0123456789");
	uint64_t number;
	if (len >= sizeof digits || strlen(value) > len + 1)
		return 0;
	memcpy(digits, value, len);
	if (!read_number(digits, UINT32_MAX, &number))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(UNITS); i++)
		if (UNITS[i].letter == value[len])
			return number * UNITS[i].seconds;
	return 0;
}

static const char *check_age(const char *value)
{
	return read_age_s(value) ? NULL : "an age such as 90s, 30m, 36h or 7d";
}

/* Return: how many CPUs; -1: not a list of them */
static int read_pin(const char *value, int cpus[static SETTINGS_PIN_MAX])
{
	int count = 0;
	for (const char *at = value;; at++) {
		char *end;
		errno = 0;
		long cpu = strtol(at, &end, 10);
		if (*at < '0' || *at > '9' || errno || cpu >= CPU_SETSIZE ||
		    count == SETTINGS_PIN_MAX)
			return -1;
		cpus[count++] = (int)cpu;
		if (!*end)
			return count;
		if (*end != ',')
			return -1;
		at = end;
	}
}

static const char *check_pin(const char *value)
{
	int cpus[SETTINGS_PIN_MAX];
	return read_pin(value, cpus) > 0 ? NULL : "a list of CPU numbers such as 0,2";
}

static const char *check_log_level(const char *value)
{
	enum log_level level;
	return log_level_parse(value, &level) ? "error, warn, info or debug" : NULL;
}

static const char *check_log_format(const char *value)
{
	enum log_format format;
	return log_format_parse(value, &format) ? "kv or json" : NULL;
}

static const struct config_option OPTIONS[] = {
	{"config", "FILE", "settings, as `name = value` lines", NULL, "none", CONFIG_NOT_IN_FILE,
	 NULL},
	{"listen", "HOST:PORT",
	 "where to serve: an address, *:PORT for all of both IP versions, or unix:PATH", NULL,
	 "127.0.0.1:8470 and the unix socket", CONFIG_REPEATABLE, NULL},
	{"state-dir", "DIR", "where jobs are kept; :memory: keeps none", NULL,
	 "$STATE_DIRECTORY, or pagecast in the user's state folder", 0, NULL},
	{"workers", "N", "jobs that are sent at the same time", NULL,
	 "as many as CPUs, and 2 at least", 0, check_workers},
	{"pin", "CPU,...", "CPUs that the workers run on, in turn", NULL, "any", 0, check_pin},
	{"policy", "FILE", "what may be sent where, a Policy message as JSON", NULL,
	 "the built-in policy: local, private and documentation networks", 0, NULL},
	{"tokens", "FILE", "callers must show a token of this file", NULL,
	 "none: loopback and unix socket are open", 0, NULL},
	{"tls-cert", "FILE", "certificate: every TCP listener speaks TLS", NULL, "none", 0, NULL},
	{"tls-key", "FILE", "its private key", NULL, "none", 0, NULL},
	{"tls-client-ca", "FILE", "client certificates are required, by this CA", NULL, "none", 0,
	 NULL},
	{"insecure-http", NULL, "let tokens cross a network in clear", NULL, NULL, CONFIG_SWITCH,
	 NULL},
	{"history-jobs", "N", "finished jobs that are kept", "1000", NULL, 0, check_jobs},
	{"history-age", "AGE", "how long finished jobs are kept", "7d", NULL, 0, check_age},
	{"allow-host", "NAME", "further value of Host to answer to", NULL, "none",
	 CONFIG_REPEATABLE, NULL},
	{"allow-origin", "ORIGIN", "web origin that may use the API", NULL, "none",
	 CONFIG_REPEATABLE, NULL},
	{"log-level", "LEVEL", "error, warn, info or debug", "info", NULL, 0, check_log_level},
	{"log-format", "FORMAT", "kv or json", "kv", NULL, 0, check_log_format},
	{"print-config", NULL, "print the settings and where they come from, and end", NULL, NULL,
	 CONFIG_SWITCH | CONFIG_ONLY_COMMAND_LINE, NULL},
	{"version", NULL, "print the version, and end", NULL, NULL,
	 CONFIG_SWITCH | CONFIG_ONLY_COMMAND_LINE, NULL},
	{"help", NULL, "print this, and end", NULL, NULL, CONFIG_SWITCH | CONFIG_ONLY_COMMAND_LINE,
	 NULL},
};

void settings_print_help(void)
{
	printf("pagecastd %s: the transmit agent of Pagecast\n\nusage: pagecastd [OPTION]...\n"
	       "       pagecastd token create|list|revoke (see pagecastd token --help)\n\n",
	       PAGECAST_VERSION);
	config_help(OPTIONS, ARRAY_SIZE(OPTIONS), stdout);
	printf("\nEach setting comes from the command line, else from the environment\n"
	       "(PAGECAST_LOG_LEVEL for --log-level), else from the file of --config, else it is\n"
	       "the default. SIGHUP reloads policy, tokens and certificates.\n\n"
	       "Who may do what: a viewer reads, an operator also submits and acts on jobs, an\n"
	       "admin also deletes the jobs of others. Without --tokens whoever reaches loopback\n"
	       "or the unix socket is an operator. With it every request needs a token, save on\n"
	       "the unix socket those of root and of the agent's own user, who are admin. With\n"
	       "--tls-client-ca TCP needs a client certificate; its common name is an operator,\n"
	       "unless a token beside it says otherwise. Other addresses than loopback are\n"
	       "served only with TLS and one of the two, or with --tokens and --insecure-http.\n\n"
	       "Exit: 0 ended by a signal; 1 failed to start or to go on; 2 wrong usage.\n\n"
	       "example: pagecastd --listen 127.0.0.1:8470 --workers 2 --policy policy.json\n");
}

int settings_load(struct config *ret_config, const char *const *arguments, size_t count,
		  const char *const *environment, struct error *ret_error)
{
	return config_load(ret_config, OPTIONS, ARRAY_SIZE(OPTIONS), arguments, count, environment,
			   ret_error);
}

/* The number was checked when the settings were loaded. */
static uint32_t number_of(const struct config *config, const char *name)
{
	uint64_t number = 0;
	read_number(config_get(config, name), UINT32_MAX, &number);
	return (uint32_t)number;
}

uint32_t settings_workers(const struct config *config)
{
	cpu_set_t cpus;
	if (config_get(config, "workers"))
		return number_of(config, "workers");
	CPU_ZERO(&cpus);
	uint32_t count = sched_getaffinity(0, sizeof cpus, &cpus) ? 0 : (uint32_t)CPU_COUNT(&cpus);
	return MIN(MAX(count, (uint32_t)SETTINGS_WORKERS_LEAST), (uint32_t)AGENT_WORKERS_MAX);
}

uint32_t settings_history_jobs(const struct config *config)
{
	return number_of(config, "history-jobs");
}

uint64_t settings_history_age_s(const struct config *config)
{
	return read_age_s(config_get(config, "history-age"));
}

size_t settings_pin(const struct config *config, int ret_cpus[static SETTINGS_PIN_MAX])
{
	const char *pin = config_get(config, "pin");
	return pin ? (size_t)read_pin(pin, ret_cpus) : 0;
}
