/*
 * bare_api: what the agent's API is measured beside, with nothing of the agent in it.
 *
 *   store FROM TO SECONDS GROUP   the rows of one jobs.db into an empty one, committed in groups
 * that are GROUP large in the mean, as durably as the agent does hello                         a
 * libmicrohttpd server of one thread that answers "hello"; prints its port, ends with its standard
 * input load PORT CONNECTIONS SECONDS METHOD PATH [BODY] a client: each connection has one request
 * on its way, again and again
 *
 * store and load print JSON. One thread each.
 */
#include <errno.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	ROWS_MAX = 60000,
	COLUMNS_MAX = 16,
	TIMES_MAX = 4 << 20, /* 16 MiB of them */
	CONNECTIONS_MAX = 256,
	ANSWER_MAX = 64 << 10,
	REQUEST_MAX = 64 << 10,
};

static void die(const char *what, const char *why)
{
	fprintf(stderr, "bare_api: %s: %s\n", what, why);
	exit(1);
}

static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- how long each took ---- */
static float *times_us;
static size_t time_count;

static void note_time(double seconds)
{
	if (!times_us && !(times_us = malloc(TIMES_MAX * sizeof *times_us)))
		die("times", "out of memory");
	if (time_count < TIMES_MAX)
		times_us[time_count++] = (float)(seconds * 1e6);
}

static int by_size(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;
	return (x > y) - (x < y);
}

static double quantile(double q)
{
	return time_count ? (double)times_us[(size_t)(q * (double)(time_count - 1))] : 0;
}

static void print_result(const char *what, uint64_t count, double seconds, uint64_t refused)
{
	qsort(times_us, time_count, sizeof *times_us, by_size);
	printf("{\"%s\": %" PRIu64 ", \"seconds\": %.3f, \"per_second\": %.1f, \"p50_us\": %.0f, "
	       "\"p99_us\": %.0f, \"refused\": %" PRIu64 "}\n",
	       what, count, seconds, (double)count / seconds, quantile(0.5), quantile(0.99),
	       refused);
}

/* ---- store ---- */
static void sql(sqlite3 *database, const char *text)
{
	if (sqlite3_exec(database, text, NULL, NULL, NULL) != SQLITE_OK)
		die(text, sqlite3_errmsg(database));
}

static sqlite3_stmt *prepare(sqlite3 *database, const char *text)
{
	sqlite3_stmt *statement;
	if (sqlite3_prepare_v2(database, text, -1, &statement, NULL) != SQLITE_OK)
		die(text, sqlite3_errmsg(database));
	return statement;
}

struct row {
	sqlite3_value *job[COLUMNS_MAX], *spec[2];
};
static struct row rows[ROWS_MAX];

static size_t read_rows(sqlite3 *from, int *ret_columns)
{
	sqlite3_stmt *statement = prepare(
		from, "SELECT specs.id, spec, jobs.* FROM jobs JOIN specs USING (id) ORDER BY 1");
	size_t count = 0;
	*ret_columns = sqlite3_column_count(statement) - 2;
	if (*ret_columns > COLUMNS_MAX)
		die("jobs", "too many columns");
	for (; count < ROWS_MAX && sqlite3_step(statement) == SQLITE_ROW; count++) {
		for (int i = 0; i < 2; i++)
			rows[count].spec[i] = sqlite3_value_dup(sqlite3_column_value(statement, i));
		for (int i = 0; i < *ret_columns; i++)
			rows[count].job[i] =
				sqlite3_value_dup(sqlite3_column_value(statement, 2 + i));
	}
	sqlite3_finalize(statement);
	return count;
}

static void copy_schema(sqlite3 *from, sqlite3 *to)
{
	sqlite3_stmt *statement =
		prepare(from, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL");
	while (sqlite3_step(statement) == SQLITE_ROW)
		sql(to, (const char *)sqlite3_column_text(statement, 0));
	sqlite3_finalize(statement);
}

static void insert(sqlite3_stmt *statement, sqlite3_value *const *values, int count)
{
	for (int i = 0; i < count; i++)
		sqlite3_bind_value(statement, i + 1, values[i]);
	if (sqlite3_step(statement) != SQLITE_DONE)
		die("insert", sqlite3_errmsg(sqlite3_db_handle(statement)));
	sqlite3_reset(statement);
}

static void run_store(const char *from_path, const char *to_path, double seconds, double group)
{
	sqlite3 *from, *to;
	int columns;
	char text[200] = "INSERT INTO jobs VALUES (?";
	if (sqlite3_open_v2(from_path, &from, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
	    sqlite3_open(to_path, &to) != SQLITE_OK)
		die(from_path, "cannot be opened");
	size_t count = read_rows(from, &columns);
	sql(to, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -512");
	copy_schema(from, to);
	for (int i = 1; i < columns; i++)
		strcat(text, ", ?");
	strcat(text, ")");
	sqlite3_stmt *job = prepare(to, text),
		     *spec = prepare(to, "INSERT INTO specs (id, spec) VALUES (?, ?)");
	sqlite3_stmt *begin = prepare(to, "BEGIN IMMEDIATE"), *commit = prepare(to, "COMMIT");
	double start_s = now_s(), owed = 0, took_s = 0;
	size_t done = 0;
	while (done < count && took_s < seconds) {
		double begun_s = now_s();
		insert(begin, NULL, 0);
		for (owed += group; owed >= 1 && done < count; owed--, done++) {
			insert(job, rows[done].job, columns);
			insert(spec, rows[done].spec, 2);
		}
		insert(commit, NULL, 0);
		double ended_s = now_s();
		note_time(ended_s - begun_s);
		took_s = ended_s - start_s;
	}
	print_result("rows", done, took_s, 0);
}

/* ---- hello ---- */
static enum MHD_Result answer_hello(void *context, struct MHD_Connection *connection,
				    const char *url, const char *method, const char *version,
				    const char *data, size_t *size, void **request)
{
	(void)url, (void)method, (void)version, (void)data, (void)size;
	if (!*request) {
		*request = context;
		return MHD_YES;
	}
	return MHD_queue_response(connection, MHD_HTTP_OK, context);
}

static void run_hello(void)
{
	static char text[] = "hello\n";
	char byte;
	struct MHD_Response *response =
		MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_PERSISTENT);
	struct sockaddr_in at = {.sin_family = AF_INET};
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	struct MHD_Daemon *daemon =
		MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, answer_hello,
				 response, MHD_OPTION_SOCK_ADDR, &at, MHD_OPTION_END);
	if (!daemon)
		die("hello", "does not start");
	printf("%u\n", MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	MHD_stop_daemon(daemon);
	MHD_destroy_response(response);
}

/* ---- load ---- */
struct client {
	int fd;
	char answer[ANSWER_MAX];
	size_t len;
	double asked_s;
};
static struct client clients[CONNECTIONS_MAX];
static char request[REQUEST_MAX];
static size_t request_len;

static void make_request(const char *method, const char *path, const char *body)
{
	int n = snprintf(request, sizeof request,
			 body ? "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
				"application/json\r\nContent-Length: %zu\r\n\r\n%s"
			      : "%s %s HTTP/1.1\r\nHost: localhost\r\n\r\n",
			 method, path, body ? strlen(body) : 0, body);
	if (n < 0 || (size_t)n >= sizeof request)
		die("body", "too long");
	request_len = (size_t)n;
}

static void ask(struct client *client)
{
	client->len = 0;
	client->asked_s = now_s();
	if (send(client->fd, request, request_len, MSG_NOSIGNAL) != (ssize_t)request_len)
		die("send", strerror(errno));
}

static void connect_client(struct client *client, uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	int one = 1;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	client->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&to, sizeof to) < 0)
		die("connect", strerror(errno));
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

/* Reads what is there. Return: its status once the answer is whole; 0: not yet */
static int take_answer(struct client *client)
{
	ssize_t n = recv(client->fd, client->answer + client->len,
			 sizeof client->answer - 1 - client->len, 0);
	if (n <= 0)
		die("recv", n ? strerror(errno) : "the server closes");
	client->len += (size_t)n;
	client->answer[client->len] = '\0';
	const char *end = strstr(client->answer, "\r\n\r\n");
	const char *length = end ? strcasestr(client->answer, "\r\nContent-Length:") : NULL;
	if (!length)
		return 0;
	size_t whole = (size_t)(end + 4 - client->answer) + strtoul(length + 17, NULL, 10);
	return client->len >= whole ? atoi(client->answer + 9) : 0;
}

static void run_load(uint16_t port, int connections, double seconds)
{
	int epoll = epoll_create1(0);
	uint64_t answered = 0, refused = 0;
	if (connections > CONNECTIONS_MAX)
		die("connections", "too many");
	for (int i = 0; i < connections; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = &clients[i]};
		connect_client(&clients[i], port);
		epoll_ctl(epoll, EPOLL_CTL_ADD, clients[i].fd, &event);
		ask(&clients[i]);
	}
	double start_s = now_s(), end_s = start_s + seconds;
	for (bool over = false; !over;) {
		struct epoll_event events[CONNECTIONS_MAX];
		int n = epoll_wait(epoll, events, CONNECTIONS_MAX, 5000);
		if (n <= 0)
			die("server", "does not answer");
		for (int i = 0; i < n; i++) {
			struct client *client = events[i].data.ptr;
			int status = take_answer(client);
			if (!status)
				continue;
			double at_s = now_s();
			note_time(at_s - client->asked_s);
			answered += status / 100 == 2;
			refused += status / 100 != 2;
			over |= at_s >= end_s;
			ask(client);
		}
	}
	print_result("answers", answered, now_s() - start_s, refused);
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	if (!strcmp(verb, "store") && argc == 6) {
		run_store(argv[2], argv[3], atof(argv[4]), atof(argv[5]));
	} else if (!strcmp(verb, "hello") && argc == 2) {
		run_hello();
	} else if (!strcmp(verb, "load") && (argc == 7 || argc == 8)) {
		make_request(argv[5], argv[6], argc == 8 ? argv[7] : NULL);
		run_load((uint16_t)atoi(argv[2]), atoi(argv[3]), atof(argv[4]));
	} else {
		fprintf(stderr, "usage: bare_api store FROM TO SECONDS GROUP | hello | load PORT "
				"CONNECTIONS SECONDS METHOD PATH [BODY]\n");
		return 2;
	}
	return 0;
}
