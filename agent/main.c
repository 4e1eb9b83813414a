/*
 * pagecastd: settings, signals, and the two sides of the agent put together: core and the HTTP
 * server. The only file that sees both.
 *
 * The main thread reads the settings, builds everything, says where it listens, and then waits for
 * signals: SIGTERM and SIGINT end it (a second one at once), SIGHUP reloads policy, tokens and
 * certificates. `pagecastd token …` runs no agent: it edits the file of tokens. Everything
 * else runs in the threads of core and api, in which these signals are blocked.
 */
#include "api/auth/token_command.h"
#include "api/rest/policy_json.h"
#include "api/server.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/service.h"
#include "base/slice.h"
#include "base/util.h"
#include "pagecast/agent.h"
#include "pagecast/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	STOP_S = 5, /* from SIGTERM to the end, at most */
	CERTIFICATE_SOON_S = 14 * 24 * 3600,
	FILES_WANTED = 65536,
	MALLOC_ARENAS = 2, /* one a thread would cost an idle agent megabytes */
	PIN_MAX = AGENT_WORKERS_MAX,
};

static const char DEFAULT_LISTEN[] = "127.0.0.1:8470";
static const char IN_MEMORY[] = ":memory:";

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
static int read_pin(const char *value, int cpus[static PIN_MAX])
{
	int count = 0;
	for (const char *at = value;; at++) {
		char *end;
		errno = 0;
		long cpu = strtol(at, &end, 10);
		if (*at < '0' || *at > '9' || errno || cpu >= CPU_SETSIZE || count == PIN_MAX)
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
	int cpus[PIN_MAX];
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
	{"listen", "HOST:PORT", "where to serve, or unix:PATH", NULL,
	 "127.0.0.1:8470 and the unix socket", CONFIG_REPEATABLE, NULL},
	{"state-dir", "DIR", "where jobs are kept; :memory: keeps none", NULL,
	 "$STATE_DIRECTORY, or pagecast in the user's state folder", 0, NULL},
	{"workers", "N", "jobs that are sent at the same time", "1", NULL, 0, check_workers},
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

static void print_help(void)
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

struct daemon {
	struct config config;
	sigset_t signals; /* that the main thread waits for */
	char state_dir[SERVICE_PATH_MAX];
	char unix_socket[SERVICE_PATH_MAX + 16];
	const char *default_listen[2];
	int pin[PIN_MAX];
	struct agent *agent;
	struct server *server;
};

static int fail(const char *what, const struct error *error)
{
	log_event(LOG_LEVEL_ERROR, what, "error", error_message(error), "next", "not started",
		  NULL);
	return EXIT_FAILED;
}

static void configure_log(const struct config *config)
{
	enum log_level level = LOG_LEVEL_INFO;
	enum log_format format = LOG_FORMAT_KV;
	log_level_parse(config_get(config, "log-level"), &level);
	log_format_parse(config_get(config, "log-format"), &format);
	log_configure(level, format);
}

/* Replaces what the process inherits by what an agent needs. */
static void prepare_process(struct daemon *daemon)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	umask(0077);
	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGXFSZ, &ignore,
		  NULL); /* a file that may not grow is reported like a full disk */
	sigemptyset(&daemon->signals);
	sigaddset(&daemon->signals, SIGTERM);
	sigaddset(&daemon->signals, SIGINT);
	sigaddset(&daemon->signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &daemon->signals, NULL); /* inherited by every thread */
	mallopt(M_ARENA_MAX, MALLOC_ARENAS);
	service_raise_files(FILES_WANTED);
	slice_ask_short(); /* inherited by every thread: a control call must not wait for a worker
			    */
}

/* Return: 0 with the folder there, or none to be used; EXIT_FAILED */
static int find_state_dir(struct daemon *daemon, const char **ret_state_dir)
{
	const char *asked = config_get(&daemon->config, "state-dir");
	if (asked && strcmp(asked, IN_MEMORY) == 0) {
		*ret_state_dir = NULL;
		return 0;
	}
	int r = 0;
	if (asked)
		snprintf(daemon->state_dir, sizeof daemon->state_dir, "%s", asked);
	else
		r = service_state_dir("pagecast", daemon->state_dir);
	if (!r)
		r = service_make_dir(daemon->state_dir);
	if (r < 0) {
		log_event(LOG_LEVEL_ERROR, "state_dir", "dir", daemon->state_dir, "error",
			  strerror(-r), "next",
			  "not started; --state-dir names another, --state-dir :memory: keeps none",
			  NULL);
		return EXIT_FAILED;
	}
	*ret_state_dir = daemon->state_dir;
	return 0;
}

static int make_agent(struct daemon *daemon)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	char name[HOST_NAME_MAX + 1] = "";
	uint64_t workers = 1, jobs = 0;
	gethostname(name, sizeof name - 1);
	read_number(config_get(&daemon->config, "workers"), UINT32_MAX, &workers);
	read_number(config_get(&daemon->config, "history-jobs"), UINT32_MAX, &jobs);
	struct agent_options options = {
		.name = name,
		.version = PAGECAST_VERSION,
		.policy_file = config_get(&daemon->config, "policy"),
		.parse_policy = policy_json_parse,
		.workers = (uint32_t)workers,
		.pin_cpus = daemon->pin,
		.history_max_jobs = (uint32_t)jobs,
		.history_max_age_s = read_age_s(config_get(&daemon->config, "history-age")),
		.open = !config_get(&daemon->config, "tokens") &&
			!config_get(&daemon->config, "tls-client-ca"),
	};
	const char *pin = config_get(&daemon->config, "pin");
	if (pin)
		options.pin_count = (size_t)read_pin(pin, daemon->pin);
	if (find_state_dir(daemon, &options.state_dir))
		return EXIT_FAILED;
	if (agent_new(&daemon->agent, &options, &error))
		return fail("agent", &error);
	return 0;
}

static int start_server(struct daemon *daemon)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	const struct config_setting *listen = config_get_all(&daemon->config, "listen");
	const struct config_setting *hosts = config_get_all(&daemon->config, "allow-host");
	const struct config_setting *origins = config_get_all(&daemon->config, "allow-origin");
	struct server_options options = {
		.agent = daemon->agent,
		.listen = (const char *const *)listen->values,
		.listen_count = listen->count,
		.allow_hosts = (const char *const *)hosts->values,
		.allow_host_count = hosts->count,
		.allow_origins = (const char *const *)origins->values,
		.allow_origin_count = origins->count,
		.tokens_file = config_get(&daemon->config, "tokens"),
		.tls_cert_file = config_get(&daemon->config, "tls-cert"),
		.tls_key_file = config_get(&daemon->config, "tls-key"),
		.tls_client_ca_file = config_get(&daemon->config, "tls-client-ca"),
		.insecure_http = config_get(&daemon->config, "insecure-http"),
	};
	if (!listen->count) {
		char dir[SERVICE_PATH_MAX];
		bool fits = service_runtime_dir("pagecast", dir) == 0;
		snprintf(daemon->unix_socket, sizeof daemon->unix_socket, "unix:%s/api.sock", dir);
		daemon->default_listen[0] = DEFAULT_LISTEN;
		daemon->default_listen[1] = daemon->unix_socket;
		options.listen = daemon->default_listen;
		options.listen_count = fits ? 2 : 1;
		options.listen_optional = true;
	}
	if (server_start(&daemon->server, &options, &error))
		return fail("server", &error);
	return 0;
}

/* Clients refuse an expired certificate, and hardly say why. */
static void warn_of_certificate(const struct daemon *daemon)
{
	int64_t left_s = server_certificate_expires_s(daemon->server);
	if (left_s == INT64_MAX)
		return;
	left_s -= clock_realtime_ns(clock_real()) / CLOCK_NS_PER_S;
	if (left_s <= 0)
		log_event(LOG_LEVEL_WARN, "certificate_expired", "file",
			  config_get(&daemon->config, "tls-cert"), "next",
			  "served all the same; clients will refuse it", NULL);
	else if (left_s < CERTIFICATE_SOON_S)
		log_event(LOG_LEVEL_WARN, "certificate_expires", "file",
			  config_get(&daemon->config, "tls-cert"), "hours_left",
			  log_u64((uint64_t)left_s / 3600), NULL);
}

/* The agent listens before its workers run: the first job finds everything ready. */
static int start(struct daemon *daemon)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	int r = make_agent(daemon);
	if (!r)
		r = start_server(daemon);
	if (!r && agent_start(daemon->agent, &error))
		r = fail("agent", &error);
	if (r)
		return r;
	const char *url;
	for (size_t i = 0; (url = server_url(daemon->server, i)); i++)
		printf("listening on %s\n", url);
	fflush(stdout);
	service_notify("READY=1");
	warn_of_certificate(daemon);
	return 0;
}

static void reload_part(struct daemon *daemon, const char *part,
			int (*reload_it)(struct server *server, struct error *ret_error))
{
	_cleanup_error_ struct error error = ERROR_NULL;
	if (reload_it(daemon->server, &error))
		log_event(LOG_LEVEL_WARN, "reload_failed", "part", part, "error",
			  error_message(&error), "next", "the previous ones stay in force", NULL);
	else
		log_event(LOG_LEVEL_INFO, "reloaded", "part", part, NULL);
}

static void reload(struct daemon *daemon)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	service_notify("RELOADING=1");
	agent_reload_policy(daemon->agent, &error); /* it logs success and failure */
	if (config_get(&daemon->config, "tokens"))
		reload_part(daemon, "tokens", server_reload_tokens);
	if (config_get(&daemon->config, "tls-cert"))
		reload_part(daemon, "certificates", server_reload_tls);
	warn_of_certificate(daemon);
	service_notify("READY=1");
}

/* Keep-alives are sent only while no thread has been at one step for half of the watchdog time. */
static void feed_watchdog(int64_t watchdog_ns)
{
	int64_t now_ns = clock_monotonic_ns(clock_real());
	int64_t oldest_ns = watchdog_oldest();
	if (oldest_ns > now_ns - watchdog_ns / 2)
		service_notify("WATCHDOG=1");
	else
		log_event(LOG_LEVEL_ERROR, "thread_hangs", "ms",
			  log_u64((uint64_t)((now_ns - oldest_ns) / CLOCK_NS_PER_MS)), "next",
			  "withholding watchdog keep-alive", NULL);
}

/* Return: the signal that came; negative: none for so long that the watchdog had to be fed */
static int wait_for_signal(struct daemon *daemon, int64_t watchdog_ns)
{
	if (!watchdog_ns)
		return sigwaitinfo(&daemon->signals, NULL);
	int64_t nap_ns = watchdog_ns / 4;
	struct timespec nap = {nap_ns / CLOCK_NS_PER_S, nap_ns % CLOCK_NS_PER_S};
	int signal = sigtimedwait(&daemon->signals, NULL, &nap);
	feed_watchdog(watchdog_ns); /* also between many signals */
	return signal;
}

static void wait_for_end(struct daemon *daemon)
{
	int64_t watchdog_ns = service_watchdog_ns();
	for (;;) {
		int signal = wait_for_signal(daemon, watchdog_ns);
		if (signal == SIGHUP)
			reload(daemon);
		else if (signal > 0)
			break;
	}
	log_event(LOG_LEVEL_INFO, "stopping", "next", "running jobs end as INTERRUPTED", NULL);
	service_notify("STOPPING=1");
	sigprocmask(SIG_UNBLOCK, &daemon->signals, NULL); /* the next one ends it at once */
	alarm(STOP_S);
}

/* Jobs first: who waits for one is answered with its end before the server goes. */
static void stop(struct daemon *daemon)
{
	if (daemon->agent)
		agent_stop(daemon->agent);
	daemon->server = server_stop(daemon->server);
	daemon->agent = agent_free(daemon->agent);
}

static int run(struct daemon *daemon)
{
	configure_log(&daemon->config);
	prepare_process(daemon);
	int r = start(daemon);
	if (!r)
		wait_for_end(daemon);
	stop(daemon);
	return r;
}

static int edit_tokens(int argc, char **argv)
{
	char state_dir[SERVICE_PATH_MAX];
	bool known = service_state_dir("pagecast", state_dir) == 0;
	umask(0077);
	return token_command(argc, argv, known ? state_dir : NULL);
}

/* Whoever starts an agent without them must not find its log in a connection or in the store: what
 * is opened next would take their numbers. */
static void keep_standard_descriptors(void)
{
	int fd;
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

int main(int argc, char **argv)
{
	static struct daemon daemon;
	_cleanup_error_ struct error error = ERROR_NULL;
	keep_standard_descriptors();
	if (argc > 1 && strcmp(argv[1], "token") == 0)
		return edit_tokens(argc - 1, argv + 1);
	int r = config_load(&daemon.config, OPTIONS, ARRAY_SIZE(OPTIONS),
			    (const char *const *)argv + 1, (size_t)MAX(argc - 1, 0),
			    (const char *const *)environ, &error);
	if (r) {
		fprintf(stderr, "pagecastd: %s\n", error_message(&error));
		return EXIT_USAGE;
	}
	r = 0;
	if (config_get(&daemon.config, "help"))
		print_help();
	else if (config_get(&daemon.config, "version"))
		printf("pagecastd %s\n", PAGECAST_VERSION);
	else if (config_get(&daemon.config, "print-config"))
		config_print(&daemon.config, stdout);
	else
		r = run(&daemon);
	config_deinit(&daemon.config);
	return r;
}
