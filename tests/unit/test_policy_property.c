/*
 * Whatever a job says, what passes the policy goes to allowed places only: thousands of random jobs
 * under random policies, each plan that passes looked at again by an oracle that shares no code
 * with the policy: addresses as numbers, networks as ranges of numbers.
 */
#include "base/util.h"
#include "lib/test.h"
#include "packet/plan_bytes.h"
#include "packet/plan_compile.h"
#include "policy/check.h"
#include "policy/host.h"
#include "policy/policy.h"

#include <arpa/inet.h>

enum { ROUNDS = 100000, NETWORKS_MAX = 4 };

static uint64_t seed = 20240611;

static uint32_t pick(uint32_t below)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(seed >> 33) % below;
}

/* ---- the oracle's view of addresses ---- */
struct number { /* IPv4 and IPv6 apart; IPv4 in IPv6 form is IPv4 */
	bool v4;
	unsigned __int128 value;
};

static struct number number_of(int family, const uint8_t *bytes)
{
	struct number number = {family == AF_INET, 0};
	for (int i = 0; i < (number.v4 ? 4 : 16); i++)
		number.value = number.value << 8 | bytes[i];
	if (!number.v4 && number.value >> 32 == 0xffff)
		number = (struct number){true, number.value & 0xffffffff};
	return number;
}

struct range {
	const char *text;
	bool v4;
	unsigned __int128 first, last;
};

static const char *const NETWORKS[] = {
	"127.0.0.0/8", "10.0.0.0/8",	"10.1.0.0/16",	  "192.0.2.0/24", "198.18.0.0/15",
	"8.8.8.0/24",  "0.0.0.0/0",	"169.254.0.0/16", "224.0.0.0/4",  "239.1.0.0/16",
	"::1/128",     "2001:db8::/32", "fd00::/8",	  "::/0",	  "64:ff9b::/96",
	"2002::/16",   "ff02::/16",	"127.0.0.1",
};

static struct range range_of(const char *text)
{
	char address[64];
	struct range range = {.text = text, .v4 = !strchr(text, ':')};
	int bits = range.v4 ? 32 : 128;
	uint8_t bytes[16];
	snprintf(address, sizeof address, "%s", text);
	char *slash = strchr(address, '/');
	int prefix = slash ? atoi(slash + 1) : bits;
	if (slash)
		*slash = '\0';
	CHECK_INT(inet_pton(range.v4 ? AF_INET : AF_INET6, address, bytes), ==, 1);
	for (int i = 0; i < bits / 8; i++)
		range.first = range.first << 8 | bytes[i];
	unsigned __int128 host = 0;
	for (int i = prefix; i < bits; i++)
		host = host << 1 | 1;
	range.last = range.first | host;
	return range;
}

static bool in_range(const struct range *ranges, size_t count, struct number number)
{
	for (size_t i = 0; i < count; i++)
		if (ranges[i].v4 == number.v4 && number.value >= ranges[i].first &&
		    number.value <= ranges[i].last)
			return true;
	return false;
}

/* ---- a random policy ---- */
static struct range networks[NETWORKS_MAX], sources[1];
static size_t network_count, source_count;
static Pagecast__V1__Policy message;
static char *network_texts[NETWORKS_MAX], *source_texts[1];
static Pagecast__V1__PortRange port_range, *port_ranges[] = {&port_range};

static struct policy *random_policy(void)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct policy *policy = NULL;
	message = (Pagecast__V1__Policy)PAGECAST__V1__POLICY__INIT;
	network_count = 1 + pick(NETWORKS_MAX);
	for (size_t i = 0; i < network_count; i++) {
		networks[i] = range_of(NETWORKS[pick(ARRAY_SIZE(NETWORKS))]);
		network_texts[i] = (char *)networks[i].text;
	}
	source_count = pick(2);
	sources[0] = range_of("192.0.2.0/24");
	source_texts[0] = (char *)sources[0].text;
	message.allowed_networks = network_texts;
	message.n_allowed_networks = network_count;
	message.allowed_sources = source_texts;
	message.n_allowed_sources = source_count;
	message.allow_multicast = pick(3) == 0;
	message.allow_broadcast = pick(3) == 0;
	message.allow_header_included = pick(2) == 0;
	port_range = (Pagecast__V1__PortRange)PAGECAST__V1__PORT_RANGE__INIT;
	port_range.first = 9000;
	port_range.last = 9009;
	message.allowed_ports = port_ranges;
	message.n_allowed_ports = pick(2);
	if (policy_new(&policy, &message, &error))
		test_fail(__FILE__, __LINE__, "%s", error_message(&error));
	return policy;
}

/* ---- a random job ---- */
/* Places at the edges: ends of networks and beyond, special ones, IPv4 in every disguise. */
static void random_address(char text[static 64], bool v4_only)
{
	static const char *const SPECIAL[] = {
		"0.0.0.0",
		"255.255.255.255",
		"127.255.255.255",
		"224.0.0.1",
		"239.1.2.3",
		"8.8.8.8",
		"10.9.9.9",
		"127.0.0.1",
		"169.254.169.254",
		"::1",
		"::",
		"ff02::1",
		"2001:db8::7",
		"2a00::1",
		"fd12::1",
		"64:ff9b:1::808:808",
	};
	struct range range = range_of(NETWORKS[pick(10)]);
	unsigned __int128 value = (pick(2) ? range.first : range.last) + pick(3) - 1;
	uint8_t v4[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
			 (uint8_t)value};
	const char *special = SPECIAL[pick(v4_only ? 9 : ARRAY_SIZE(SPECIAL))];
	switch (v4_only ? pick(2) : pick(8)) {
	case 0: strcpy(text, special); return;
	case 1: break;
	case 2: snprintf(text, 64, "::ffff:%u.%u.%u.%u", v4[0], v4[1], v4[2], v4[3]); return;
	case 3: snprintf(text, 64, "64:ff9b::%u.%u.%u.%u", v4[0], v4[1], v4[2], v4[3]); return;
	case 4: snprintf(text, 64, "2002:%02x%02x:%02x%02x::1", v4[0], v4[1], v4[2], v4[3]); return;
	case 5: snprintf(text, 64, "::%u.%u.%u.%u", v4[0], v4[1], v4[2], v4[3]); return;
	case 6: snprintf(text, 64, "fd00::5efe:%u.%u.%u.%u", v4[0], v4[1], v4[2], v4[3]); return;
	default: snprintf(text, 64, "2001:db8::%x", pick(65536)); return;
	}
	snprintf(text, 64, "%u.%u.%u.%u", v4[0], v4[1], v4[2], v4[3]);
}

static uint32_t random_port(void)
{
	static const uint32_t PORTS[] = {9000, 9009, 9010, 53};
	return PORTS[pick(ARRAY_SIZE(PORTS))];
}

struct random_job {
	Pagecast__V1__JobSpec spec;
	Pagecast__V1__Stream stream, *streams[1];
	Pagecast__V1__UdpDestination udp;
	Pagecast__V1__RawIpDestination raw;
	Pagecast__V1__Payload payload, *payloads[1];
	char address[64], source[64];
	uint8_t bytes[48];
};

/* An IPv4 header, now and then with another packet inside, or the beginning of a UDP header. */
static void random_packet(struct random_job *job, bool header_included)
{
	uint8_t *at = job->bytes;
	char from[64], to[64];
	memset(job->bytes, 0, sizeof job->bytes);
	for (int depth = header_included ? 0 : 1; depth < 2; depth++, at += 20) {
		random_address(from, true);
		strcpy(to, job->address);
		if (depth || strchr(to, ':'))
			random_address(to, true);
		at[0] = 0x45;
		at[3] = (uint8_t)(job->bytes + sizeof job->bytes - at);
		at[8] = 64;
		at[9] = pick(2) ? IPPROTO_IPIP : IPPROTO_UDP;
		if (pick(3))
			CHECK_INT(inet_pton(AF_INET, from, at + 12), ==, 1);
		CHECK_INT(inet_pton(AF_INET, to, at + 16), ==, 1);
		if (at[9] == IPPROTO_UDP) {
			uint32_t port = random_port();
			at[22] = (uint8_t)(port >> 8);
			at[23] = (uint8_t)port;
			return;
		}
	}
}

static void random_raw(struct random_job *job)
{
	static const uint32_t PROTOCOLS[] = {IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_IPIP, IPPROTO_GRE,
					     253};
	job->raw = (Pagecast__V1__RawIpDestination)PAGECAST__V1__RAW_IP_DESTINATION__INIT;
	job->raw.address = job->address;
	job->raw.header_included = pick(2);
	if (!job->raw.header_included)
		job->raw.protocol = PROTOCOLS[pick(ARRAY_SIZE(PROTOCOLS))];
	if (!job->raw.header_included && pick(4) == 0)
		job->raw.source_address = job->source;
	job->stream.destination_case = PAGECAST__V1__STREAM__DESTINATION_RAW_IP;
	job->stream.raw_ip = &job->raw;
	random_packet(job, job->raw.header_included);
	if (job->raw.protocol == IPPROTO_UDP) {
		uint32_t port = random_port();
		job->bytes[2] = (uint8_t)(port >> 8);
		job->bytes[3] = (uint8_t)port;
	}
}

static void random_udp(struct random_job *job)
{
	job->udp = (Pagecast__V1__UdpDestination)PAGECAST__V1__UDP_DESTINATION__INIT;
	job->udp.address = job->address;
	job->udp.port = random_port();
	job->udp.broadcast = pick(3) == 0;
	if (pick(4) == 0)
		job->udp.source_address = job->source;
	job->stream.destination_case = PAGECAST__V1__STREAM__DESTINATION_UDP;
	job->stream.udp = &job->udp;
}

static void random_job(struct random_job *job)
{
	static const char *const SOURCES[] = {"127.0.0.1", "192.0.2.9", "8.8.4.4", "10.9.9.9"};
	job->spec = (Pagecast__V1__JobSpec)PAGECAST__V1__JOB_SPEC__INIT;
	job->stream = (Pagecast__V1__Stream)PAGECAST__V1__STREAM__INIT;
	job->payload = (Pagecast__V1__Payload)PAGECAST__V1__PAYLOAD__INIT;
	random_address(job->address, false);
	strcpy(job->source, SOURCES[pick(ARRAY_SIZE(SOURCES))]);
	if (pick(2))
		random_udp(job);
	else
		random_raw(job);
	job->payload.content_case = PAGECAST__V1__PAYLOAD__CONTENT_BYTES;
	job->payload.bytes.data = job->bytes;
	job->payload.bytes.len = sizeof job->bytes;
	job->payloads[0] = &job->payload;
	job->stream.payloads = job->payloads;
	job->stream.n_payloads = 1;
	job->streams[0] = &job->stream;
	job->spec.streams = job->streams;
	job->spec.n_streams = 1;
}

/* ---- what the oracle demands of a plan that passed ---- */
static struct policy_host host;

static bool is_own(struct number number)
{
	for (size_t i = 0; i < host.count; i++) {
		const union net_ip *ip = &host.addresses[i].ip;
		const uint8_t *bytes = ip->any.sa_family == AF_INET
					       ? (const uint8_t *)&ip->v4.sin_addr
					       : (const uint8_t *)&ip->v6.sin6_addr;
		struct number own = number_of(ip->any.sa_family, bytes);
		if (own.v4 == number.v4 && own.value == number.value)
			return true;
	}
	return false;
}

static void demand_target(struct number number)
{
	bool multicast = number.v4 ? number.value >> 28 == 14 : number.value >> 120 == 0xff;
	bool everybody = number.v4 && number.value == 0xffffffff;
	CHECK(number.value != 0);
	if (multicast)
		CHECK(message.allow_multicast);
	else if (everybody)
		CHECK(message.allow_broadcast);
	else
		CHECK(in_range(networks, network_count, number));
	if (number.v4 && number.value == 0x7fffffff) /* loopback's broadcast address */
		CHECK(message.allow_broadcast);
	/* 6to4, NAT64 and IPv4-compatible: where it really goes is allowed too */
	if (!number.v4 &&
	    (number.value >> 112 == 0x2002 || number.value >> 32 == 0 ||
	     number.value >> 96 == 0x64ff9b) &&
	    number.value != 1) {
		uint32_t v4 = (uint32_t)(number.value >> 112 == 0x2002 ? number.value >> 80
								       : number.value);
		demand_target((struct number){true, v4});
	}
}

static void demand_source(struct number number)
{
	CHECK(number.value == 0 || is_own(number) || in_range(sources, source_count, number));
}

static void demand_port(uint32_t port)
{
	CHECK(!message.n_allowed_ports || (port >= 9000 && port <= 9009));
}

static void demand_packet(const uint8_t *bytes)
{
	CHECK(message.allow_header_included);
	demand_source(number_of(AF_INET, bytes + 12));
	demand_target(number_of(AF_INET, bytes + 16));
	if (bytes[9] == IPPROTO_UDP)
		demand_port((uint32_t)bytes[22] << 8 | bytes[23]);
	else if (bytes[9] == IPPROTO_IPIP)
		demand_packet(bytes + 20);
}

static void demand(const struct plan *plan)
{
	const struct plan_stream *stream = &plan->streams[0];
	const struct plan_destination *destination = &stream->destination;
	const union net_ip *to = &destination->to, *from = &destination->from;
	bool v4 = to->any.sa_family == AF_INET;
	demand_target(number_of(to->any.sa_family, v4 ? (const uint8_t *)&to->v4.sin_addr
						      : (const uint8_t *)&to->v6.sin6_addr));
	if (from->any.sa_family == AF_INET)
		demand_source(number_of(AF_INET, (const uint8_t *)&from->v4.sin_addr));
	if (destination->broadcast)
		CHECK(message.allow_broadcast);
	if (destination->kind == PLAN_UDP)
		demand_port(ntohs(v4 ? to->v4.sin_port : to->v6.sin6_port));
	else if (destination->header_included || destination->protocol == IPPROTO_IPIP)
		demand_packet(plan_item_bytes(stream, &stream->items[0]));
	else if (destination->protocol == IPPROTO_UDP)
		demand_port((uint32_t)plan_item_bytes(stream, &stream->items[0])[2] << 8 |
			    plan_item_bytes(stream, &stream->items[0])[3]);
	else
		CHECK(destination->protocol != IPPROTO_GRE || message.allow_header_included);
}

TEST(policy_lets_nothing_pass_that_the_oracle_forbids)
{
	static struct random_job job;
	uint32_t passed = 0, forbidden = 0, wrong = 0;
	CHECK_INT(policy_host_read(&host), ==, 0);
	struct policy *policy = random_policy();
	for (int round = 0; round < ROUNDS; round++) {
		_cleanup_error_ struct error error = ERROR_NULL;
		struct plan *plan = NULL;
		if (round % 20 == 0) {
			policy_unref(policy);
			policy = random_policy();
		}
		random_job(&job);
		if (plan_compile(&job.spec, &plan, &error)) {
			wrong++;
			continue;
		}
		int r = policy_check(policy, &host, plan, &error);
		CHECK(r == 0 || r == ERROR_CODE_PERMISSION_DENIED);
		if (r == 0)
			demand(plan);
		passed += r == 0;
		forbidden += r != 0;
		plan_free(plan);
	}
	printf("  %u passed, %u forbidden, %u were no plans\n", passed, forbidden, wrong);
	CHECK_INT(passed, >, 2000); /* else nothing was tried */
	CHECK_INT(forbidden, >, 2000);
	policy_unref(policy);
	policy_host_deinit(&host);
}

TEST_MAIN(CASE(policy_lets_nothing_pass_that_the_oracle_forbids))
