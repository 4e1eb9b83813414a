/*
 * report_cost: what everything around the engine costs a packet at full speed.
 *
 * usage: report_cost LEN PACKETS PAIRS IPv4
 *
 * The same job is sent two ways, in turn, PAIRS times: by a bare loop that calls flow_send() and
 * keeps no books, and by the agent's send loop, sender_run(), which has turns, orders, a pacer,
 * accounts, the report, and a snapshot every 10 ms. Both send the same trains by the same engine,
 * so the difference bounds from above what collecting the report costs; there is no build without
 * it. What a job costs once, at its start and end, is measured by jobs of one packet and taken off.
 * Times are of the thread's CPU, since the two must share a machine with others. Datagrams of LEN
 * bytes go to port 9999; one JSON line is printed.
 */
#include "base/util.h"
#include "lib/test.h"
#include "lib/transmit.h"
#include "sender/sender.h"

#include <arpa/inet.h>
#include <time.h>

enum { PORT = 9999, LEN_MAX = 8972, PAIRS_MAX = 1000 };

static double cpu_seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / CLOCK_NS_PER_S;
}

/* Return: CPU seconds of flow_send() alone, over and over; trains packed before. */
static double send_bare(struct job *job)
{
	struct engine *engine;
	struct flow *flow;
	struct trains trains;
	struct problem_set problems = {0};
	struct engine_counters counters = {0};
	struct plan_cursor packed = {0};
	struct train_cursor cursor = {0};
	uint64_t left = job->stream.limit.packets;

	CHECK_INT(engine_new(&engine, job->plan.engine, &job->plan), ==, 0);
	CHECK_INT(flow_open(&flow, engine, &job->stream, "streams[0]", &problems), ==, 0);
	struct train_limits limits = flow_limits(flow);
	CHECK_INT(trains_pack(&trains, &job->stream, &limits, &packed, left), ==, 0);
	CHECK_INT(flow_load(flow, &trains), ==, 0);
	double spent = cpu_seconds();
	while (left) {
		struct engine_result result;
		flow_send(flow, &cursor, left, &result, &counters);
		CHECK(result.outcome != ENGINE_REFUSED);
		if (result.outcome == ENGINE_FULL)
			flow_wait_room(flow, CLOCK_NS_PER_MS, &counters);
		left -= result.sent;
	}
	spent = cpu_seconds() - spent;
	flow_load(flow, NULL);
	trains_retire(&trains);
	flow_close(flow);
	engine_free(engine);
	return spent;
}

static void published(void *context)
{
	(*(uint64_t *)context)++;
}

/* Return: CPU seconds of sender_run() */
static double send_reported(const struct job *job, uint64_t *publications)
{
	struct sender *sender;
	struct problem_set problems = {0};
	struct error error = {0};
	struct sender_report report;
	struct sender_options options = {
		.clock = clock_real(), .published = published, .context = publications};

	struct engine_choice choice;
	if (engine_choose(&job->plan, NULL, 0, &choice, &error) ||
	    sender_new(&sender, &job->plan, &choice, &options, &problems, &error))
		test_fail(__FILE__, __LINE__, "sender_new: %s", error_message(&error));
	CHECK_INT(sender_run(sender), ==, SENDER_LIMIT_REACHED);
	sender_settle(sender);
	sender_report(sender, SIZE_MAX, &report);
	CHECK_INT(report.account.packets_sent, ==, job->stream.limit.packets);
	sender_free(sender);
	return report.cpu_seconds;
}

/* What disturbs a run only ever makes it longer: of many, the quickest compares best. */
static double quickest(const double *seconds, size_t count)
{
	double least = seconds[0];
	for (size_t i = 1; i < count; i++)
		least = MIN(least, seconds[i]);
	return least;
}

/* Return: CPU seconds of a job beside its packets: start, end, and what is read once at each. */
static double cost_of_a_job(struct job *job, size_t runs)
{
	static double spent[PAIRS_MAX];
	uint64_t publications = 0;

	job_limit(job, 1);
	for (size_t i = 0; i < runs; i++)
		spent[i] = send_reported(job, &publications);
	return quickest(spent, runs);
}

static void measure(struct job *job, uint64_t packets, size_t pairs)
{
	static double bare[PAIRS_MAX], reported[PAIRS_MAX];
	double a_job = cost_of_a_job(job, pairs);
	uint64_t publications = 0;

	job_limit(job, packets);
	for (size_t i = 0; i < pairs; i++) {
		bool bare_first = i % 2; /* neither always comes after the other */
		if (bare_first)
			bare[i] = send_bare(job);
		reported[i] = send_reported(job, &publications) - a_job;
		if (!bare_first)
			bare[i] = send_bare(job);
	}
	double alone = quickest(bare, pairs), whole = quickest(reported, pairs);
	printf("{\"len\":%u,\"packets\":%" PRIu64 ",\"pairs\":%zu,\"publications\":%" PRIu64
	       ",\"engine_ns_per_packet\":%.3f,\"sender_ns_per_packet\":%.3f,"
	       "\"job_us\":%.1f,\"cost_percent\":%.2f}\n",
	       job->stream.len_max, packets, pairs, publications, alone / (double)packets * 1e9,
	       whole / (double)packets * 1e9, a_job * 1e6, (whole / alone - 1) * 100);
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	unsigned long len = argc == 5 ? strtoul(argv[1], NULL, 10) : 0;
	unsigned long packets = argc == 5 ? strtoul(argv[2], NULL, 10) : 0;
	unsigned long pairs = argc == 5 ? strtoul(argv[3], NULL, 10) : 0;
	if (len < 1 || len > LEN_MAX || packets < 1 || pairs < 1 || pairs > PAIRS_MAX ||
	    inet_pton(AF_INET, argv[4], &to.sin_addr) != 1) {
		fprintf(stderr,
			"usage: report_cost LEN PACKETS PAIRS IPv4 (LEN to %d, PAIRS to %d)\n",
			LEN_MAX, PAIRS_MAX);
		return 2;
	}
	struct job job;
	engine_probe();
	job_init(&job, PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_SPLICE, (struct sockaddr *)&to);
	job_add(&job, (uint32_t)len, 1);
	job.plan.start_tolerance_ns = -1;
	measure(&job, packets, pairs);
	job_free(&job);
	return 0;
}
