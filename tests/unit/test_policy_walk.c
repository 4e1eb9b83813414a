/*
 * The policy's verdicts on what payloads carry: any stream, any wrapping. A packet that is refused
 * as it is stays refused in whatever wraps it, and one that is allowed stays allowed.
 */
#include "base/util.h"
#include "lib/test.h"
#include "lib/wrap.h"
#include "packet/walk.h"
#include "policy/check.h"
#include "policy/host.h"
#include "policy/policy.h"

#include <arpa/inet.h>

enum { ROUNDS = 60000, ITEMS_MAX = 200 };

#define S(text) ((char[]){text})

static const struct policy_host NOBODY; /* sources are those of the policy alone */
static const uint8_t MAC[6] = {0x02, 0, 0, 0, 0, 1};
/* Allowed by every policy here: 10.0.0.0/8 and fd00::/8, sources too. */
static const struct wrap_addresses OUTER = {
	{10, 1, 2, 3}, {10, 0, 0, 1}, {0xfd, [15] = 5}, {0xfd, [15] = 9}};

static char *networks[] = {S("10.0.0.0/8"), S("fd00::/8")};
static Pagecast__V1__Policy message;
static Pagecast__V1__PortRange range, *ranges[] = {&range};

static void open_policy(void)
{
	message = (Pagecast__V1__Policy)PAGECAST__V1__POLICY__INIT;
	range = (Pagecast__V1__PortRange)PAGECAST__V1__PORT_RANGE__INIT;
	message.allowed_networks = message.allowed_sources = networks;
	message.n_allowed_networks = message.n_allowed_sources = ARRAY_SIZE(networks);
	message.allow_header_included = message.allow_ethernet = true;
}

static void only_port(uint16_t first, uint16_t last)
{
	range.first = first;
	range.last = last;
	message.allowed_ports = ranges;
	message.n_allowed_ports = 1;
}

/* ---- streams by hand ---- */
static struct plan_item items[ITEMS_MAX];
static struct plan_stream stream;
static struct plan plan;

static struct plan_destination *stream_of(enum plan_kind kind, const uint8_t *bytes, size_t len)
{
	memset(&stream, 0, sizeof stream);
	items[0] = (struct plan_item){bytes, (uint32_t)len, 1};
	stream.items = items;
	stream.item_count = 1;
	stream.pass_packets = 1;
	stream.pass_bytes = stream.len_max = (uint32_t)len;
	stream.destination.kind = kind;
	stream.destination.family = kind == PLAN_ETHERNET ? AF_PACKET : AF_INET;
	if (kind != PLAN_ETHERNET) {
		stream.destination.to.v4.sin_family = AF_INET;
		memcpy(&stream.destination.to.v4.sin_addr, OUTER.to4, 4);
	}
	plan = (struct plan){.streams = &stream, .stream_count = 1, .bytes = len};
	return &stream.destination;
}

static int verdict(struct error *ret_error)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct policy *policy = NULL;
	if (policy_new(&policy, &message, &error))
		test_fail(__FILE__, __LINE__, "%s", error_message(&error));
	int r = policy_check(policy, &NOBODY, &plan, ret_error);
	policy_unref(policy);
	return r;
}

static void allowed(void)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	if (verdict(&error))
		test_fail(__FILE__, __LINE__, "%s", error_message(&error));
}

static void forbidden(const char *with)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	CHECK_INT(verdict(&error), ==, ERROR_CODE_PERMISSION_DENIED);
	CHECK_INT(error.violation_count, ==, 1);
	CHECK_STR(error.violations[0].field, "streams[0].payloads[0]");
	CHECK_HAS(error.violations[0].description, with);
}

/* ---- one packet, wrapped ---- */
static struct wrap wrap;

static size_t kind_of(const char *name)
{
	for (size_t kind = 0; kind < wrap_count(); kind++)
		if (strcmp(wrap_name(kind), name) == 0)
			return kind;
	test_fail(__FILE__, __LINE__, "nothing wraps in %s", name);
}

static void in(const char *name)
{
	CHECK(wrap_apply(&wrap, kind_of(name), &OUTER, 0));
}

static void udp_to(const char *address, uint16_t port)
{
	uint8_t to[16];
	bool v6 = strchr(address, ':');
	CHECK_INT(inet_pton(v6 ? AF_INET6 : AF_INET, address, to), ==, 1);
	wrap_inner(&wrap, v6, v6 ? OUTER.from6 : OUTER.from4, to, IPPROTO_UDP, port);
}

static struct plan_destination *as_frame(void)
{
	CHECK(wrap_frame(&wrap, MAC, &OUTER));
	return stream_of(PLAN_ETHERNET, wrap_bytes(&wrap), wrap_len(&wrap));
}

TEST(policy_judges_the_port_behind_a_fragment_header)
{
	open_policy();
	only_port(9000, 9000);
	for (uint16_t port = 53; port <= 9000; port += 8947) {
		uint8_t bytes[16] = {
			IPPROTO_UDP, [7] = 1, [10] = (uint8_t)(port >> 8), [11] = (uint8_t)port};
		stream_of(PLAN_RAW_IP, bytes, sizeof bytes)->protocol = IPPROTO_FRAGMENT;
		if (port == 53)
			forbidden("53 is not in the policy's allowedPorts");
		else
			allowed();
	}
}

TEST(policy_judges_what_tags_and_labels_hide)
{
	static const char *const WRAPS[] = {"vlan", "mpls", "snap", "pppoe", "802.1ah", "macsec"};
	open_policy();
	for (size_t i = 0; i < ARRAY_SIZE(WRAPS); i++) {
		udp_to("8.8.8.8", 9000);
		for (int times = 0; times < (i ? 1 : 5); times++)
			in(WRAPS[i]);
		as_frame();
		forbidden("8.8.8.8 is not in the policy's allowedNetworks");
		udp_to("10.9.9.9", 9000);
		in(WRAPS[i]);
		as_frame();
		allowed();
	}
}

TEST(policy_takes_the_vlan_types_that_a_frame_header_names)
{
	open_policy();
	udp_to("8.8.8.8", 9000);
	in("vlan");
	struct plan_destination *destination = as_frame();
	uint8_t *frame = wrap.bytes + wrap.at;
	frame[12] = 0x12;
	frame[13] = 0x34;
	allowed(); /* an EtherType that nobody knows */
	destination->vlan_types[0] = 0x1234;
	forbidden("8.8.8.8 is not in");
}

TEST(policy_judges_datagrams_to_tunnel_ports)
{
	static const struct {
		const char *wrap;
		uint16_t port;
	} TUNNELS[] = {{"vxlan", 4789}, {"vxlan-gpe", 4790},  {"geneve", 6081},
		       {"gtp-u", 2152}, {"gre-in-udp", 4754}, {"mpls-in-udp", 6635}};
	open_policy();
	for (size_t i = 0; i < ARRAY_SIZE(TUNNELS); i++) {
		for (int inner = 0; inner < 2; inner++) {
			udp_to(inner ? "10.9.9.9" : "8.8.8.8", 9000);
			in(TUNNELS[i].wrap);
			struct plan_destination *destination =
				stream_of(PLAN_UDP, wrap_bytes(&wrap) + 8, wrap_len(&wrap) - 8);
			destination->to.v4.sin_port = htons(TUNNELS[i].port);
			if (inner)
				allowed();
			else
				forbidden("8.8.8.8 is not in");
			destination->to.v4.sin_port = htons(9000); /* just bytes */
			allowed();
		}
	}
}

TEST(policy_judges_inner_sources_senders_and_macs)
{
	open_policy();
	uint8_t from[4] = {8, 8, 4, 4};
	wrap_inner(&wrap, false, from, OUTER.to4, IPPROTO_UDP, 9000);
	in("vxlan");
	as_frame();
	forbidden("8.8.4.4 is neither an address of this host");
	uint8_t arp[42] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, [12] = 0x08, 0x06, 0, 1,
			   8,	 0,    6,    4,	   0,	 1,    [28] = 8,    8,	  4, 4};
	stream_of(PLAN_ETHERNET, arp, sizeof arp);
	message.allow_broadcast = true;
	forbidden("8.8.4.4 is neither an address of this host");
	memcpy(arp + 28, OUTER.from4, 4);
	memcpy(arp + 38, from, 4); /* who is asked for is not a destination */
	allowed();
	message.allow_broadcast = false;
	udp_to("10.9.9.9", 9000);
	CHECK(wrap_frame(&wrap, arp, &OUTER)); /* to everybody, inside a tunnel */
	in("vxlan");
	as_frame();
	forbidden("allowBroadcast");
	wrap.bytes[wrap.at + 14 + 20 + 8 + 8] = 0x01;
	forbidden("allowMulticast");
	message.allow_multicast = true;
	allowed();
}

TEST(policy_forbids_what_it_cannot_judge_unless_told)
{
	static uint8_t esp[64] = {0, 0, 0, 1};
	open_policy();
	stream_of(PLAN_RAW_IP, esp, sizeof esp)->protocol = IPPROTO_ESP;
	forbidden("the ESP header at byte 0 hides what it carries: the policy cannot judge");
	message.allow_unjudged = true;
	allowed();
	udp_to("8.8.8.8", 9000); /* what can be judged still is */
	in("gre");
	as_frame();
	forbidden("8.8.8.8 is not in");
	message.allow_unjudged = false;
	udp_to("10.9.9.9", 9000);
	in("gre");
	as_frame();
	for (uint32_t len = 14; len < wrap_len(&wrap) - 8; len++) { /* cut anywhere */
		items[0].len = stream.len_max = len;
		forbidden(" is cut");
	}
	items[0].len = (uint32_t)wrap_len(&wrap) - 5; /* without ports nobody is reached */
	allowed();
	only_port(9000, 9000);
	forbidden("the UDP header at byte 58 is cut");
}

TEST(policy_looks_as_far_as_headers_go)
{
	static uint8_t bytes[65000];
	open_policy();
	for (size_t at = 0; at < 2048; at += 256) { /* options, then a packet to 8.8.8.8 */
		size_t len = at;
		memset(bytes, 0, sizeof bytes);
		for (size_t i = 0; i < at; i += 256) {
			bytes[i] = i + 256 < at ? IPPROTO_DSTOPTS : IPPROTO_IPIP;
			bytes[i + 1] = 31;
		}
		udp_to("8.8.8.8", 9000);
		memcpy(bytes + at, wrap_bytes(&wrap), wrap_len(&wrap));
		len += wrap_len(&wrap);
		stream_of(PLAN_RAW_IP, bytes, sizeof bytes)->protocol =
			at ? IPPROTO_DSTOPTS : IPPROTO_IPIP;
		if (at < 1792) {
			forbidden("8.8.8.8 is not in");
		} else { /* that far the leaf is not sure either */
			_cleanup_error_ struct error error = ERROR_NULL;
			CHECK_INT(verdict(&error), ==, ERROR_CODE_PERMISSION_DENIED);
			CHECK_HAS(error_message(&error), "8.8.8.8 is not in");
		}
	}
}

TEST(policy_judges_equal_payloads_once_and_stops_at_a_full_list)
{
	static struct wrap packets[ITEMS_MAX];
	_cleanup_error_ struct error error = ERROR_NULL, full = ERROR_NULL;
	open_policy();
	udp_to("8.8.8.8", 9000);
	as_frame();
	for (size_t i = 0; i < ITEMS_MAX; i++) /* two kinds, alternating */
		items[i] =
			(struct plan_item){wrap_bytes(&wrap), (uint32_t)wrap_len(&wrap) - i % 2, 1};
	stream.item_count = ITEMS_MAX;
	CHECK_INT(verdict(&error), ==, ERROR_CODE_PERMISSION_DENIED);
	CHECK_INT(error.violation_count, ==, 2);
	CHECK_STR(error.violations[1].field, "streams[0].payloads[1]");
	for (size_t i = 0; i < ITEMS_MAX; i++) {
		char address[16];
		snprintf(address, sizeof address, "8.8.%zu.8", i);
		udp_to(address, 9000);
		CHECK(wrap_frame(&wrap, MAC, &OUTER));
		packets[i] = wrap;
		items[i] =
			(struct plan_item){wrap_bytes(&packets[i]), (uint32_t)wrap_len(&wrap), 1};
	}
	CHECK_INT(verdict(&full), ==, ERROR_CODE_PERMISSION_DENIED);
	CHECK_INT(full.violation_count, ==, ERROR_VIOLATIONS_MAX);
	CHECK_HAS(full.violations[ERROR_VIOLATIONS_MAX - 1].description, "8.8.63.8");
}

/* ---- any packet, any wrapping ---- */
static uint64_t seed = 20261127;

static uint32_t pick(uint32_t below)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(seed >> 33) % below;
}

static void random_inner(void)
{
	static const char *const FOUR[] = {"10.0.0.1",	      "10.9.9.9", "8.8.8.8",  "224.0.0.1",
					   "255.255.255.255", "11.0.0.1", "127.0.0.1"};
	static const char *const SIX[] = {"fd00::9",	     "fd12::1", "2a00::8",
					  "ff02::1",	     "::1",	"2002:808:808::1",
					  "64:ff9b::808:808"};
	static const uint16_t PORTS[] = {9000, 9009, 9010, 53};
	bool v6 = pick(2), spoofed = pick(6) == 0;
	uint8_t from[16], to[16];
	memcpy(from, v6 ? OUTER.from6 : OUTER.from4, v6 ? 16 : 4);
	if (spoofed)
		from[0] = 99;
	inet_pton(v6 ? AF_INET6 : AF_INET, v6 ? SIX[pick(7)] : FOUR[pick(7)], to);
	wrap_inner(&wrap, v6, from, to, pick(2) ? IPPROTO_UDP : IPPROTO_TCP, PORTS[pick(4)]);
}

static void wrap_at_random(char path[static 512])
{
	*path = '\0';
	for (uint32_t i = 0, depth = 1 + pick(8); i < depth; i++) {
		size_t kind = pick((uint32_t)wrap_count());
		if (wrap_apply(&wrap, kind, &OUTER, pick(UINT32_MAX)))
			snprintf(path + strlen(path), 512 - strlen(path), " in %s",
				 wrap_name(kind));
	}
}

/* The same bytes as the kernel would send them from another kind of stream: without the outer
 * headers that it writes, which are not those of @inner. */
static void as_any_stream(const struct wrap *inner)
{
	const uint8_t *ip = wrap_bytes(&wrap);
	bool v4 = wrap_len(&wrap) >= wrap_len(inner) + 20 && wrap.type == 0x0800 && ip[0] == 0x45 &&
		  memcmp(ip + 16, OUTER.to4, 4) == 0;
	struct plan_destination *destination;
	switch (v4 ? pick(4) : 3) {
	case 0: stream_of(PLAN_RAW_IP, ip, wrap_len(&wrap))->header_included = true; return;
	case 1: stream_of(PLAN_RAW_IP, ip + 20, wrap_len(&wrap) - 20)->protocol = ip[9]; return;
	case 2:
		if (ip[9] == IPPROTO_UDP) {
			destination = stream_of(PLAN_UDP, ip + 28, wrap_len(&wrap) - 28);
			memcpy(&destination->to.v4.sin_port, ip + 22, 2);
			return;
		}
		/* fallthrough */
	default: as_frame();
	}
}

TEST(policy_verdicts_survive_any_wrapping)
{
	uint32_t refused = 0, passed = 0, deep = 0;
	for (int round = 0; round < ROUNDS; round++) {
		_cleanup_error_ struct error bare_error = ERROR_NULL, error = ERROR_NULL;
		char path[512];
		open_policy();
		message.allow_multicast = pick(2);
		message.allow_broadcast = pick(2);
		bool ports = pick(2);
		if (ports)
			only_port(9000, 9009);
		random_inner();
		struct wrap inner = wrap;
		as_frame();
		int bare = verdict(&bare_error);
		wrap = inner;
		wrap_at_random(path);
		as_any_stream(&inner);
		int r = verdict(&error);
		if (bare && !r)
			test_fail(__FILE__, __LINE__, "round %d: \"%s\", but%s it passes", round,
				  error_message(&bare_error), path);
		bool too_deep = wrap.layers >= WALK_LAYERS_MAX;
		/* With ports restricted, the tunnels' own ports are forbidden. */
		if (!bare && r && !ports && !too_deep)
			test_fail(__FILE__, __LINE__, "round %d: allowed, but%s \"%s\"", round,
				  path, error_message(&error));
		refused += bare != 0;
		passed += !bare && !r;
		deep += too_deep;
	}
	printf("  %u refused, %u passed, %u deep\n", refused, passed, deep);
	CHECK_INT(refused, >, ROUNDS / 4);
	CHECK_INT(passed, >, ROUNDS / 10);
}

TEST_MAIN(CASE(policy_judges_the_port_behind_a_fragment_header),
	  CASE(policy_judges_what_tags_and_labels_hide),
	  CASE(policy_takes_the_vlan_types_that_a_frame_header_names),
	  CASE(policy_judges_datagrams_to_tunnel_ports),
	  CASE(policy_judges_inner_sources_senders_and_macs),
	  CASE(policy_forbids_what_it_cannot_judge_unless_told),
	  CASE(policy_looks_as_far_as_headers_go),
	  CASE(policy_judges_equal_payloads_once_and_stops_at_a_full_list),
	  CASE(policy_verdicts_survive_any_wrapping))
