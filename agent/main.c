/*
 * pagecastd: signals, and the two sides of the agent put together: core and the HTTP server. The
 * only file that sees both.
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
#include "base/log.h"
#include "base/service.h"
#include "base/slice.h"
#include "base/util.h"
#include "pagecast/agent.h"
#include "pagecast/audit.h"
#include "pagecast/watchdog.h"
#include "settings.h"

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
};

static const char DEFAULT_LISTEN[] = "127.0.0.1:8470";
static const char IN_MEMORY[] = ":memory:";

struct daemon {
	struct config config;
	sigset_t signals; /* that the main thread waits for */
	char state_dir[SERVICE_PATH_MAX];
	char unix_socket[SERVICE_PATH_MAX + 16];
	const char *default_listen[2];
	int pin[SETTINGS_PIN_MAX];
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
	gethostname(name, sizeof name - 1);
	struct agent_options options = {
		.name = name,
		.version = PAGECAST_VERSION,
		.policy_file = config_get(&daemon->config, "policy"),
		.parse_policy = policy_json_parse,
		.workers = settings_workers(&daemon->config),
		.pin_cpus = daemon->pin,
		.pin_count = settings_pin(&daemon->config, daemon->pin),
		.history_max_jobs = settings_history_jobs(&daemon->config),
		.history_max_age_s = settings_history_age_s(&daemon->config),
		.open = !config_get(&daemon->config, "tokens") &&
			!config_get(&daemon->config, "tls-client-ca"),
	};
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

struct reloader { /* who sent SIGHUP */
	char principal[24], peer[24];
};

static void read_reloader(const siginfo_t *info, struct reloader *ret_reloader)
{
	bool by_process = info->si_code == SI_USER || info->si_code == SI_QUEUE;
	snprintf(ret_reloader->principal, sizeof ret_reloader->principal,
		 by_process ? "uid:%u" : "kernel", info->si_uid);
	snprintf(ret_reloader->peer, sizeof ret_reloader->peer, by_process ? "pid:%d" : "terminal",
		 info->si_pid);
}

static void audit_reload(const struct reloader *by, const char *action, const char *file,
			 const char *change, const struct error *error)
{
	const struct audit_pair pairs[] = {{"file", file}, {"change", change}};
	audit_write(&(struct audit_entry){
		.principal = by->principal,
		.peer = by->peer,
		.action = action,
		.verdict = error->code,
		.reason = error->code ? error_message(error) : NULL,
		.pairs = pairs,
		.pair_count = ARRAY_SIZE(pairs),
	});
}

static void reload_policy(struct daemon *daemon, const struct reloader *by)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	const char *file = config_get(&daemon->config, "policy");
	agent_reload_policy(daemon->agent, &error); /* it logs what changed */
	audit_reload(by, "ReloadPolicy", file ? file : "(built in)", NULL, &error);
}

static void reload_part(struct daemon *daemon, const struct reloader *by, const char *action,
			const char *part, const char *file,
			int (*reload_it)(struct server *server,
					 char ret_change[static SERVER_CHANGE_BYTES],
					 struct error *ret_error))
{
	_cleanup_error_ struct error error = ERROR_NULL;
	char change[SERVER_CHANGE_BYTES] = "";
	int r = reload_it(daemon->server, change, &error);
	audit_reload(by, action, file, change, &error);
	if (r)
		log_event(LOG_LEVEL_WARN, "reload_failed", "part", part, "error",
			  error_message(&error), "next", "the previous ones stay in force", NULL);
	else
		log_event(LOG_LEVEL_INFO, "reloaded", "part", part, NULL);
}

static void reload(struct daemon *daemon, const siginfo_t *info)
{
	struct reloader by;
	const char *tokens = config_get(&daemon->config, "tokens");
	const char *certificate = config_get(&daemon->config, "tls-cert");
	read_reloader(info, &by);
	service_notify("RELOADING=1");
	reload_policy(daemon, &by);
	if (tokens)
		reload_part(daemon, &by, "ReloadTokens", "tokens", tokens, server_reload_tokens);
	if (certificate)
		reload_part(daemon, &by, "ReloadCertificates", "certificates", certificate,
			    server_reload_tls);
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
static int wait_for_signal(struct daemon *daemon, int64_t watchdog_ns, siginfo_t *ret_info)
{
	if (!watchdog_ns)
		return sigwaitinfo(&daemon->signals, ret_info);
	int64_t nap_ns = watchdog_ns / 4;
	struct timespec nap = {nap_ns / CLOCK_NS_PER_S, nap_ns % CLOCK_NS_PER_S};
	int signal = sigtimedwait(&daemon->signals, ret_info, &nap);
	feed_watchdog(watchdog_ns); /* also between many signals */
	return signal;
}

static void wait_for_end(struct daemon *daemon)
{
	int64_t watchdog_ns = service_watchdog_ns();
	for (;;) {
		siginfo_t info;
		int signal = wait_for_signal(daemon, watchdog_ns, &info);
		if (signal == SIGHUP)
			reload(daemon, &info);
		else if (signal > 0)
			break;
	}
	log_event(LOG_LEVEL_INFO, "stopping", "next", "running jobs end as INTERRUPTED", NULL);
	service_notify("STOPPING=1");
	sigprocmask(SIG_UNBLOCK, &daemon->signals, NULL); /* the next one ends it at once */
	alarm(STOP_S);
}

/* Jobs first: who waits for one is answered with its end before the server goes.
 * Return: 0; EXIT_FAILED: a restart undoes the end of a job */
static int stop(struct daemon *daemon)
{
	size_t unsaved = daemon->agent ? agent_stop(daemon->agent) : 0;
	daemon->server = server_stop(daemon->server);
	daemon->agent = agent_free(daemon->agent);
	return unsaved ? EXIT_FAILED : 0;
}

static int run(struct daemon *daemon)
{
	configure_log(&daemon->config);
	prepare_process(daemon);
	int r = start(daemon);
	if (!r)
		wait_for_end(daemon);
	int stopped = stop(daemon);
	return r ? r : stopped;
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
	int r = settings_load(&daemon.config, (const char *const *)argv + 1,
			      (size_t)MAX(argc - 1, 0), (const char *const *)environ, &error);
	if (r) {
		fprintf(stderr, "pagecastd: %s\n", error_message(&error));
		return EXIT_USAGE;
	}
	r = 0;
	if (config_get(&daemon.config, "help"))
		settings_print_help();
	else if (config_get(&daemon.config, "version"))
		printf("pagecastd %s\n", PAGECAST_VERSION);
	else if (config_get(&daemon.config, "print-config"))
		config_print(&daemon.config, stdout);
	else
		r = run(&daemon);
	config_deinit(&daemon.config);
	return r;
}
