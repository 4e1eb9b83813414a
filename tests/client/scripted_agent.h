/*
 * scripted_agent: an agent that is not there, and the client's clock: what is asked at which
 * instant, and answered after how long, is up to the test. The program is linked with --wrap for
 * what is defined here (tests/client/CMakeLists.txt). Include it in one file of a program.
 *
 * Time stands but in http_wait(), which goes to the next answer, or as far as it may.
 */
#pragma once
#include "client/call.h"
#include "client/client.h"
#include "client/util.h"
#include "lib/test.h"
#include "pagecast/v1/job.pb-c.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#define MS INT64_C(1000000)

enum { SCRIPTED_MAX = 4096, SCRIPTED_SIGNALS = 4 };

struct http_exchange { /* a request, when it was made and will be answered, and how */
	char method[8], path[96], if_none_match[40], last_event_id[40];
	int64_t asked_ns, answer_ns;
	struct http_response response;
	const char *data; /* of a stream, which comes after 1 ms; the answer is its end */
	http_data take_data;
	http_done done;
	void *context;
	bool open;
};

static struct {
	int64_t now_ns, end_ns; /* the test fails where time comes to its end */
	struct http_exchange asked[SCRIPTED_MAX];
	size_t count;
	/* fills in when, from asked_ns, and what is answered */
	void (*answer)(struct http_exchange *exchange);
	int64_t signal_at_ns[SCRIPTED_SIGNALS]; /* SIGINT; 0: none */
	int told;				/* what standard error became */
} scripted;

int64_t __wrap_util_now_ns(void);
struct http_exchange *__wrap_http_start(struct http *http, const struct http_peer *peer,
					const struct http_request *request, http_done done,
					void *context);
void __wrap_http_abort(struct http_exchange *exchange);
void __wrap_http_wait(struct http *http, int timeout_ms, int wake_fd);

static void scripted_begin(void (*answer)(struct http_exchange *exchange), int64_t last_ms)
{
	for (size_t i = 0; i < scripted.count; i++)
		http_response_deinit(&scripted.asked[i].response);
	memset(&scripted, 0, sizeof scripted);
	scripted.now_ns = 1000 * MS; /* 0 would stand for none */
	scripted.end_ns = scripted.now_ns + last_ms * MS;
	scripted.answer = answer;
	scripted.told = memfd_create("stderr", 0);
	CHECK(scripted.told >= 0);
}

/* ms since the beginning */
static inline int64_t scripted_ms(int64_t at_ns)
{
	return at_ns / MS - 1000;
}

/* What the client told while @run ran. */
static inline const char *scripted_told(int (*run)(void), int *ret_code)
{
	static char text[1 << 16];
	int kept = dup(STDERR_FILENO);
	dup2(scripted.told, STDERR_FILENO);
	*ret_code = run();
	fflush(stderr);
	dup2(kept, STDERR_FILENO);
	close(kept);
	ssize_t n = pread(scripted.told, text, sizeof text - 1, 0);
	CHECK(n >= 0);
	text[n] = '\0';
	close(scripted.told);
	return text;
}

static inline size_t scripted_times(const char *text, const char *part)
{
	size_t times = 0;
	for (; (text = strstr(text, part)); text += strlen(part))
		times++;
	return times;
}

/* The requests of @method whose path ends with @end, into @at [max]. Return: how many */
static inline size_t scripted_asked(const char *method, const char *end,
				    const struct http_exchange **at, size_t max)
{
	size_t count = 0;
	for (size_t i = 0; i < scripted.count; i++) {
		const struct http_exchange *asked = &scripted.asked[i];
		size_t len = strlen(asked->path), tail = strlen(end);
		if (strcmp(asked->method, method) != 0 || len < tail ||
		    strcmp(asked->path + len - tail, end) != 0)
			continue;
		CHECK_INT(count, <, max);
		at[count++] = asked;
	}
	return count;
}

/* ---- answers ---- */
static inline void answer_after(struct http_exchange *exchange, int64_t ms, int status)
{
	exchange->answer_ns = exchange->asked_ns + ms * MS;
	exchange->response.status = status;
	exchange->response.body = strdup("");
	if (status == 0)
		exchange->response.fault = strdup("connection refused");
}

static inline void answer_job(struct http_exchange *exchange, int64_t ms,
			      Pagecast__V1__JobState state, uint64_t revision)
{
	Pagecast__V1__Job job = PAGECAST__V1__JOB__INIT;
	answer_after(exchange, ms, 200);
	job.id = (char *)"JOB1";
	job.state = state;
	job.revision = revision;
	size_t len = pagecast__v1__job__get_packed_size(&job);
	free(exchange->response.body);
	exchange->response.body = calloc(1, len + 1);
	exchange->response.len = pagecast__v1__job__pack(&job, (uint8_t *)exchange->response.body);
	exchange->response.content_type = strdup(CALL_PROTOBUF);
	exchange->response.etag = util_printf("\"%llu\"", (unsigned long long)revision);
}

/* ---- what the client is linked with ---- */
int64_t __wrap_util_now_ns(void)
{
	return scripted.now_ns;
}

static inline void scripted_header(const struct http_request *request, const char *name,
				   char *value, size_t size)
{
	for (size_t i = 0; i < HTTP_HEADERS_MAX; i++)
		if (request->headers[i] && !strncmp(request->headers[i], name, strlen(name)))
			snprintf(value, size, "%s", request->headers[i] + strlen(name));
}

struct http_exchange *__wrap_http_start(struct http *http, const struct http_peer *peer,
					const struct http_request *request, http_done done,
					void *context)
{
	(void)http;
	(void)peer;
	CHECK_INT(scripted.count, <, SCRIPTED_MAX);
	struct http_exchange *exchange = &scripted.asked[scripted.count++];
	snprintf(exchange->method, sizeof exchange->method, "%s", request->method);
	snprintf(exchange->path, sizeof exchange->path, "%s", request->path);
	scripted_header(request, "If-None-Match: ", exchange->if_none_match,
			sizeof exchange->if_none_match);
	scripted_header(request, "Last-Event-ID: ", exchange->last_event_id,
			sizeof exchange->last_event_id);
	exchange->asked_ns = scripted.now_ns;
	exchange->take_data = request->data;
	exchange->done = done;
	exchange->context = context;
	exchange->open = true;
	scripted.answer(exchange);
	CHECK_INT(exchange->answer_ns, >, exchange->asked_ns); /* no answer takes no time */
	return exchange;
}

void __wrap_http_abort(struct http_exchange *exchange)
{
	if (exchange)
		exchange->open = false;
}

static inline int64_t scripted_next_ns(const struct http_exchange *exchange)
{
	return exchange->data ? exchange->asked_ns + MS : exchange->answer_ns;
}

static inline struct http_exchange *scripted_first(void)
{
	struct http_exchange *first = NULL;
	for (size_t i = 0; i < scripted.count; i++) {
		struct http_exchange *asked = &scripted.asked[i];
		if (asked->open && (!first || scripted_next_ns(asked) < scripted_next_ns(first)))
			first = asked;
	}
	return first;
}

static inline void scripted_deliver(struct http_exchange *exchange)
{
	const char *data = exchange->data;
	exchange->data = NULL;
	if (data) {
		exchange->take_data(exchange->context, data, strlen(data));
		return;
	}
	exchange->open = false;
	exchange->done(exchange->context, &exchange->response);
}

void __wrap_http_wait(struct http *http, int timeout_ms, int wake_fd)
{
	(void)http;
	(void)wake_fd;
	struct http_exchange *first = scripted_first();
	int64_t until_ns = scripted.now_ns + timeout_ms * MS;
	bool comes = first && scripted_next_ns(first) <= until_ns;
	if (comes)
		until_ns = scripted_next_ns(first);
	for (size_t i = 0; i < SCRIPTED_SIGNALS; i++)
		if (scripted.signal_at_ns[i] && scripted.signal_at_ns[i] <= until_ns) {
			scripted.now_ns = MAX(scripted.now_ns, scripted.signal_at_ns[i]);
			scripted.signal_at_ns[i] = 0;
			raise(SIGINT);
			return; /* its wake_fd is readable */
		}
	scripted.now_ns = until_ns;
	if (scripted.now_ns > scripted.end_ns)
		test_fail(__FILE__, __LINE__, "it goes on after %lld ms",
			  (long long)scripted_ms(scripted.now_ns));
	if (comes)
		scripted_deliver(first);
}
