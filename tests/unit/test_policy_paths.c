/* Each rule of the policy, on each way that a job can take past it: a submission, a preview, a
 * start after a reload, a restart of the agent, a reload while it runs, and a change of its rate.
 */
#include "base/util.h"
#include "store/store.h"
#include "unit/agent_fixture.h"

/* What one rule forbids. The job is allowed by LAX, whatever the rule. */
struct rule {
	const char *name;   /* of the field in the policy */
	const char *stream; /* JSON of a stream without payloads, rate and limit */
	const char *payload;
	const char *rate;   /* NULL: the rule is not about rates */
	const char *of_job; /* more of the job, or "" */
	const char *strict; /* the policy that forbids it */
	bool raw;	    /* sending it takes CAP_NET_RAW */
	bool twice;	    /* two such streams */
	bool nowhere;	    /* loopback has no route for it */
};

static const char *const LAX =
	"{\"allowedNetworks\":[\"0.0.0.0/0\",\"::/0\"],\"allowedSources\":[\"0.0.0.0/0\",\"::/0\"],"
	"\"allowMulticast\":true,\"allowBroadcast\":true,\"allowHeaderIncluded\":true,"
	"\"allowEthernet\":true,\"allowUnjudged\":true}";

#define NETWORKS "\"allowedNetworks\":[\"127.0.0.0/8\",\"::1/128\",\"224.0.0.0/4\",\"ff00::/8\"]"
#define ALLOW                                                                                      \
	"{" NETWORKS ",\"allowMulticast\":true,\"allowBroadcast\":true,\"allowUnjudged\":true,"    \
	"\"allowHeaderIncluded\":true,\"allowEthernet\":true,"                                     \
	"\"allowedSources\":[\"0.0.0.0/0\",\"::/0\"],"
#define V4	 "\"udp\":{\"address\":\"127.0.0.1\",\"port\":9}"
#define V6	 "\"udp\":{\"address\":\"::1\",\"port\":9}"
#define HELLO	 "{\"text\":\"hello\"}"
#define TEXT_900 "{\"random\":{\"length\":900}}"
/* VXLAN to 127.0.0.1 with a frame inside: from 10.9.9.9 to 127.0.0.1, UDP 9 to 9. */
#define INNER_SOURCE                                                                               \
	"{\"hex\":\"0800000000000100020000000001020000000002080045000021000000004011000"           \
	"00a0909097f00000100090009000d000068656c6c6f\"}"
/* The same, cut behind the inner Ethernet header. */
#define CUT "{\"hex\":\"0800000000000100020000000001020000000002080045000021\"}"
/* An IPv4 packet of its own: to 127.0.0.1, UDP 9 to 9. */
#define PACKET                                                                                     \
	"{\"hex\":\"45000021000000004011000000000000"                                              \
	"7f00000100090009000d000068656c6c6f\"}"

static const struct rule RULES[] = {
	{"allowedNetworks", V4, HELLO, NULL, "", "{\"allowedNetworks\":[\"::1/128\"]}"},
	{"allowedNetworks", V6, HELLO, NULL, "", "{\"allowedNetworks\":[\"127.0.0.0/8\"]}"},
	{"allowedPorts", V4, HELLO, NULL, "",
	 ALLOW "\"allowedPorts\":[{\"first\":10,\"last\":99}]}"},
	{"allowedPorts", V6, HELLO, NULL, "", ALLOW "\"allowedPorts\":[{\"first\":1,\"last\":8}]}"},
	{"allowedInterfaces", V4, HELLO, NULL, "", ALLOW "\"allowedInterfaces\":[\"none0\"]}"},
	{"allowedInterfaces", V6, HELLO, NULL, "", ALLOW "\"allowedInterfaces\":[\"none0\"]}"},
	{"allowedEngines", V4, HELLO, NULL, "\"engine\":\"ENGINE_KIND_COPY\"",
	 ALLOW "\"allowedEngines\":[\"ENGINE_KIND_SPLICE\"]}"},
	{"allowedSources", "\"udp\":{\"address\":\"127.0.0.1\",\"port\":4789}", INNER_SOURCE, NULL,
	 "", "{" NETWORKS ",\"allowUnjudged\":true}"},
	{"allowedSources", "\"udp\":{\"address\":\"::1\",\"port\":4789}", INNER_SOURCE, NULL, "",
	 "{" NETWORKS ",\"allowUnjudged\":true}"},
	{"allowUnjudged", "\"udp\":{\"address\":\"127.0.0.1\",\"port\":4789}", CUT, NULL, "",
	 "{" NETWORKS "}"},
	{"allowUnjudged", "\"udp\":{\"address\":\"::1\",\"port\":4789}", CUT, NULL, "",
	 "{" NETWORKS "}"},
	{"allowMulticast", "\"udp\":{\"address\":\"239.7.7.7\",\"port\":9,\"interface\":\"lo\"}",
	 HELLO, NULL, "", "{" NETWORKS ",\"allowBroadcast\":true}"},
	{"allowMulticast", "\"udp\":{\"address\":\"ff02::77\",\"port\":9,\"interface\":\"lo\"}",
	 HELLO, NULL, "", "{" NETWORKS ",\"allowBroadcast\":true}", false, false, true},
	{"allowBroadcast",
	 "\"udp\":{\"address\":\"127.255.255.255\",\"port\":9,\"broadcast\":true}", HELLO, NULL, "",
	 "{" NETWORKS ",\"allowMulticast\":true}"},
	{"allowHeaderIncluded",
	 "\"rawIp\":{\"address\":\"127.0.0.1\",\"protocol\":17,\"headerIncluded\":true}", PACKET,
	 NULL, "", "{" NETWORKS ",\"allowUnjudged\":true}", true},
	{"maxStreams", V4, HELLO, NULL, "", ALLOW "\"maxStreams\":1}", false, true},
	{"maxPayloadBytes", V4, HELLO, NULL, "", ALLOW "\"maxPayloadBytes\":4}"},
	{"maxPayloadBytes", V6, TEXT_900, NULL, "", ALLOW "\"maxPayloadBytes\":899}"},
	{"maxPps", V4, HELLO, "{\"pps\":2000}", "", ALLOW "\"maxPps\":100}"},
	{"maxPps", V6, HELLO, "{\"bps\":2000000}", "", ALLOW "\"maxPps\":100}"},
	{"maxBpsL2", V4, HELLO, "{\"bps\":2000000}", "", ALLOW "\"maxBpsL2\":100000}"},
	{"maxBpsL2", V6, TEXT_900, "{\"pps\":2000}", "", ALLOW "\"maxBpsL2\":800000}"},
	{"maxTotalPps", V4, HELLO, "{\"pps\":2000}", "", ALLOW "\"maxTotalPps\":100}"},
	{"maxTotalPps", V6, HELLO, "{\"bps\":2000000}", "", ALLOW "\"maxTotalPps\":100}"},
	{"maxTotalBpsL2", V4, HELLO, "{\"bps\":2000000}", "", ALLOW "\"maxTotalBpsL2\":100000}"},
	{"maxTotalBpsL2", V6, TEXT_900, "{\"pps\":2000}", "", ALLOW "\"maxTotalBpsL2\":800000}"},
};

/* ---- the job of a rule ---- */
static const char *spec_of(const struct rule *rule, const char *limit, const char *more)
{
	static char text[4096];
	char stream[1200];
	snprintf(stream, sizeof stream, "{%s,\"payloads\":[%s],\"limit\":{%s}%s%s}", rule->stream,
		 rule->payload, limit, rule->rate ? ",\"rate\":" : "",
		 rule->rate ? rule->rate : "");
	snprintf(text, sizeof text, "{\"streams\":[%s%s%s]%s%s%s%s}", stream,
		 rule->twice ? "," : "", rule->twice ? stream : "", *rule->of_job ? "," : "",
		 rule->of_job, *more ? "," : "", more);
	return text;
}

static const char *const ENDLESS = "\"untilCancelled\":true";

static void submit_as(const char *spec, char ret_id[static JOB_ID_LEN + 1])
{
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	if (try_submit(&OPERATOR, spec, "", &job, NULL, &error))
		test_fail(__FILE__, __LINE__, "%s: %s", spec, error_message(&error));
	strcpy(ret_id, job->id);
	drop(job);
}

static void reload(const char *policy)
{
	struct error error = ERROR_NULL;
	write_policy(policy);
	if (agent_reload_policy(agent, &error))
		test_fail(__FILE__, __LINE__, "%s: %s", policy, error_message(&error));
}

static bool may_send_raw(void)
{
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (fd < 0)
		return false;
	close(fd);
	return true;
}

/* Each rule that this user can send by, or every rule where nothing is sent. */
static void with_each_rule(void (*try)(const struct rule *rule), bool sends)
{
	for (size_t i = 0; i < ARRAY_SIZE(RULES); i++) {
		if (sends && (RULES[i].nowhere || (RULES[i].raw && !may_send_raw())))
			continue;
		fprintf(stderr, "rule %zu: %s\n", i, RULES[i].name);
		try(&RULES[i]);
	}
}

static void check_refused(int r, struct error *error, const struct rule *rule)
{
	CHECK_INT(r, ==, ERROR_CODE_PERMISSION_DENIED);
	CHECK_STR(error->rule, rule->name);
	CHECK_HAS(error_message(error), rule->name);
	error_deinit(error);
}

/* It failed by the rule, and nothing of it left. */
static void check_ended_by(const char *id, const struct rule *rule, bool sent)
{
	Pagecast__V1__Job *job = wait_ended(id);
	CHECK_INT(job->state, ==, STATE(FAILED));
	CHECK(has_problem(job, "permission", rule->name));
	CHECK(sent || job->account->packets_sent == 0);
	check_books(job);
	drop(job);
}

/* ---- the ways ---- */
static void submits(const struct rule *rule)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	Pagecast__V1__PreviewJobResponse *preview = NULL;
	Pagecast__V1__PreviewJobRequest request = PAGECAST__V1__PREVIEW_JOB_REQUEST__INIT;
	start_agent(rule->strict, 1);
	const char *spec = spec_of(rule, "\"packets\":1", "");
	check_refused(try_submit(&OPERATOR, spec, "", &job, NULL, &error), &error, rule);
	request.spec = (Pagecast__V1__JobSpec *)parse(&pagecast__v1__job_spec__descriptor, spec);
	check_refused(agent_preview_job(agent, &OPERATOR, &request, &preview, &error), &error,
		      rule);
	pagecast__v1__job_spec__free_unpacked(request.spec, NULL);
	CHECK_INT(agent->live_count, ==, 0);
	CHECK_INT(agent->live_bytes, ==, 0);
	reload(LAX); /* up: the same job is taken */
	char id[JOB_ID_LEN + 1];
	submit_as(spec, id);
	drop(wait_ended(id));
	end_agent();
}

TEST(policy_rules_hold_at_submission_and_preview)
{
	with_each_rule(submits, false);
}

static void starts(const struct rule *rule)
{
	char gate[JOB_ID_LEN + 1], late[JOB_ID_LEN + 1];
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	Pagecast__V1__CancelJobRequest request = PAGECAST__V1__CANCEL_JOB_REQUEST__INIT;
	start_agent(LAX, 1);
	strcpy(gate, submit("\"limit\":{\"untilCancelled\":true},\"rate\":{\"pps\":1}", ""));
	drop(wait_state(gate, STATE(RUNNING)));
	submit_as(spec_of(rule, "\"packets\":3", ""), late);
	CHECK_INT(state_of(late), ==, STATE(QUEUED));
	reload(rule->strict);
	request.id = gate;
	if (agent_cancel_job(agent, &OPERATOR, &request, &job, &error) == 0)
		drop(job);
	error_deinit(&error); /* it may be forbidden as well, and have ended */
	check_ended_by(late, rule, false);
	end_agent();
}

TEST(policy_rules_hold_at_a_start_after_a_reload)
{
	with_each_rule(starts, false);
}

static void runs_into(const struct rule *rule)
{
	char id[JOB_ID_LEN + 1], also[JOB_ID_LEN + 1];
	start_agent(LAX, 2);
	submit_as(spec_of(rule, ENDLESS, ""), id);
	submit_as(spec_of(rule, ENDLESS, ""), also);
	drop(wait_state(id, STATE(RUNNING)));
	drop(wait_state(also, STATE(RUNNING)));
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	Pagecast__V1__PauseJobRequest request = PAGECAST__V1__PAUSE_JOB_REQUEST__INIT;
	request.id = also;
	CHECK_INT(agent_pause_job(agent, &OPERATOR, &request, &job, &error), ==, 0);
	drop(job);
	reload(rule->strict);
	check_ended_by(id, rule, true);
	check_ended_by(also, rule, true);
	CHECK_INT(agent->live_count, ==, 0);
	end_agent();
}

static uint64_t sent_of(const char *id)
{
	Pagecast__V1__Job *job = get(id);
	CHECK(!job_state_ended(job->state));
	uint64_t sent = job->account->packets_sent;
	drop(job);
	return sent;
}

static void wait_sent(const char *id, uint64_t packets)
{
	for (int64_t until = now_ms() + WEDGED_MS; sent_of(id) < packets; nap_ms(2))
		CHECK_INT(now_ms(), <, until);
}

/* A running job is held below a lower maximum, at most 100 packets a second here, and let go again
 * when that is taken back: at 100 a second the rest would take more than an hour. */
static void is_held(const struct rule *rule)
{
	char id[JOB_ID_LEN + 1];
	start_agent(LAX, 1);
	submit_as(spec_of(rule, ENDLESS, ""), id);
	wait_sent(id, 1);
	reload(rule->strict);
	int64_t begun = now_ms();
	uint64_t before = sent_of(id);
	wait_sent(id, before + 10);
	uint64_t sent = sent_of(id) - before;
	/* what the send loop had taken up, and a snapshot of the past, beyond the 133 a second that
	 * 100 kbit/s are of the smallest packet */
	CHECK_INT(sent, <=, 60 + (now_ms() - begun + 250) * 340 / 1000);
	CHECK_INT(state_of(id), ==, STATE(RUNNING));
	Pagecast__V1__Job *job = cancel(id);
	CHECK_INT(job->state, ==, STATE(CANCELLED));
	CHECK_HAS(job->report->why, rule->name);
	check_books(job);
	drop(job);
	end_agent();
}

static void is_held_or_ended(const struct rule *rule)
{
	(rule->rate ? is_held : runs_into)(rule);
}

TEST(policy_rules_hold_for_what_runs)
{
	with_each_rule(is_held_or_ended, true);
}

static void forget_nothing(struct store *store)
{
	(void)store;
}

/* A job that was to go on, and one that waited, when the agent was started again. */
static void comes_back(const struct rule *rule)
{
	struct error error = ERROR_NULL;
	struct store *store = NULL;
	char running[JOB_ID_LEN + 1], waiting[JOB_ID_LEN + 1];
	CHECK_INT(store_memory_new(&store, &error), ==, 0);
	const struct store_ops *ops = store->ops;
	struct store_ops lasting = *ops;
	lasting.free = forget_nothing;
	store->ops = &lasting;
	start_agent_on(store, LAX, 1, 0);
	submit_as(spec_of(rule, ENDLESS, "\"restartPolicy\":\"RESTART_POLICY_RESUME\""), running);
	submit_as(spec_of(rule, "\"packets\":3", ""), waiting);
	wait_sent(running, 1);
	end_agent();
	start_agent_on(store, rule->strict, 1, 0);
	check_ended_by(waiting, rule, false);
	check_ended_by(running, rule, true);
	CHECK_INT(agent->live_count, ==, 0);
	end_agent();
	store->ops = ops;
	store->ops->free(store);
}

TEST(policy_rules_hold_after_a_restart)
{
	with_each_rule(comes_back, true);
}

/* Of a job that runs and of one that waits behind it. */
static void is_changed(const struct rule *rule)
{
	struct error error = ERROR_NULL;
	Pagecast__V1__Job *job = NULL;
	struct rule slow = *rule;
	char ids[2][JOB_ID_LEN + 1], text[64];
	if (!rule->rate)
		return;
	slow.rate = "{\"pps\":50}";
	snprintf(text, sizeof text, "\"rate\":%s", rule->rate);
	start_agent(rule->strict, 1);
	submit_as(spec_of(&slow, ENDLESS, ""), ids[0]);
	submit_as(spec_of(&slow, ENDLESS, ""), ids[1]);
	drop(wait_state(ids[0], STATE(RUNNING)));
	for (size_t i = 0; i < 2; i++) {
		check_refused(change(for_job(ids[i], text), &job, &error), &error, rule);
		job = get(ids[i]);
		CHECK(job->spec->streams[0]->rate->pps == 50);
		drop(job);
	}

	reload(LAX);
	for (size_t i = 0; i < 2; i++) {
		if (change(for_job(ids[i], text), &job, &error))
			test_fail(__FILE__, __LINE__, "%s", error_message(&error));
		drop(job);
	}
	reload(rule->strict);

	CHECK_INT(state_of(ids[0]), ==, STATE(RUNNING)); /* held */
	drop(cancel(ids[0]));
	check_ended_by(ids[1], rule, false); /* asked for too much, now that it starts */
	CHECK(agent->granted.pps == 0 && agent->granted.bps_l2 == 0);
	end_agent();
}

TEST(policy_rules_hold_for_changes_of_a_rate)
{
	with_each_rule(is_changed, true);
}

TEST_MAIN(CASE(policy_rules_hold_at_submission_and_preview),
	  CASE(policy_rules_hold_at_a_start_after_a_reload), CASE(policy_rules_hold_for_what_runs),
	  CASE(policy_rules_hold_after_a_restart), CASE(policy_rules_hold_for_changes_of_a_rate))
