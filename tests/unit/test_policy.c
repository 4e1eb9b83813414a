/* The policy: the message itself, and what it lets pass. */
#include "base/util.h"
#include "lib/test.h"
#include "net/link.h"
#include "packet/plan_compile.h"
#include "policy/check.h"
#include "policy/host.h"
#include "policy/interface.h"
#include "policy/policy.h"

#include <arpa/inet.h>
#include <math.h>

/* Strings of a message are not const. */
#define S(text) ((char[]){text})

/* A host with 127.0.0.1/8, 10.1.2.3/24 and fd00::5/64; eth9 exists nowhere. */
static struct local_address own[3];
static const struct policy_host HOST = {own, 3};

static union net_ip ip(const char *text)
{
	union net_ip parsed = {.any.sa_family = strchr(text, ':') ? AF_INET6 : AF_INET};
	void *bytes = parsed.any.sa_family == AF_INET ? (void *)&parsed.v4.sin_addr
						      : (void *)&parsed.v6.sin6_addr;
	CHECK_INT(inet_pton(parsed.any.sa_family, text, bytes), ==, 1);
	return parsed;
}

static void set_host(void)
{
	own[0] = (struct local_address){ip("127.0.0.1"), 1, 8, {{0}}};
	own[1] = (struct local_address){ip("10.1.2.3"), 2, 24, ip("10.1.2.255")};
	own[2] = (struct local_address){ip("fd00::5"), 2, 64, {{0}}};
}

/* One stream of one payload: as plan_compile() would give it. */
static struct plan_item item;
static struct plan_stream stream;
static struct plan plan;

static void plan_to(enum plan_kind kind, const char *address, uint16_t port)
{
	union net_ip to = ip(address);
	memset(&stream, 0, sizeof stream);
	item = (struct plan_item){NULL, 100, 1};
	stream.items = &item;
	stream.item_count = 1;
	stream.pass_packets = 1;
	stream.pass_bytes = 100;
	stream.len_max = 100;
	stream.overhead_l3 = 28;
	stream.rate.kind = PLAN_RATE_UNLIMITED;
	stream.rate.layer = PAGECAST__V1__LAYER__LAYER_L2;
	stream.destination.kind = kind;
	stream.destination.family = to.any.sa_family;
	if (to.any.sa_family == AF_INET) {
		to.v4.sin_port = htons(port);
		stream.destination.to.v4 = to.v4;
	} else {
		to.v6.sin6_port = htons(port);
		stream.destination.to.v6 = to.v6;
	}
	plan = (struct plan){.streams = &stream, .stream_count = 1, .bytes = 100};
	set_host();
}

static struct policy *policy_of(const Pagecast__V1__Policy *message)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct policy *policy = NULL;
	if (policy_new(&policy, message, &error))
		test_fail(__FILE__, __LINE__, "%s", error_message(&error));
	return policy;
}

static void allowed(const Pagecast__V1__Policy *message)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct policy *policy = policy_of(message);
	if (policy_check(policy, &HOST, &plan, &error))
		test_fail(__FILE__, __LINE__, "%s", error_message(&error));
	policy_unref(policy);
}

static void forbidden(const Pagecast__V1__Policy *message, const char *field, const char *with)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct policy *policy = policy_of(message);
	CHECK_INT(policy_check(policy, &HOST, &plan, &error), ==, ERROR_CODE_PERMISSION_DENIED);
	CHECK_INT(error.violation_count, ==, 1);
	CHECK_STR(error.violations[0].field, field);
	CHECK_HAS(error.violations[0].description, with);
	policy_unref(policy);
}

static void may_send_to(const Pagecast__V1__Policy *message, const char *address)
{
	plan_to(PLAN_UDP, address, 9000);
	allowed(message);
}

static void may_not_send_to(const Pagecast__V1__Policy *message, const char *address,
			    const char *with)
{
	plan_to(PLAN_UDP, address, 9000);
	forbidden(message, "streams[0].udp.address", with);
}

TEST(policy_built_in_allows_local_places_only)
{
	static const char *const ALLOWED[] = {
		"127.0.0.1",	 "127.9.9.9",  "10.0.0.1",   "172.31.0.1", "192.168.7.7",
		"169.254.1.1",	 "198.18.0.2", "198.19.9.9", "192.0.2.1",  "198.51.100.1",
		"203.0.113.255", "::1",	       "fe80::1",    "fd12::1",	   "2001:db8::1",
	};
	static const char *const FORBIDDEN[] = {
		"8.8.8.8",	"1.1.1.1",     "172.32.0.1",	    "192.169.0.1",
		"198.20.0.1",	"100.64.0.1",  "192.0.3.1",	    "240.0.0.1",
		"2a00::1",	"2001:db9::1", "::ffff:8.8.8.8",    "64:ff9b::8.8.8.8",
		"64:ff9b:1::1", "::8.8.8.8",   "2002:0a00:0001::1", "::2",
	};
	for (size_t i = 0; i < ARRAY_SIZE(ALLOWED); i++)
		may_send_to(NULL, ALLOWED[i]);
	for (size_t i = 0; i < ARRAY_SIZE(FORBIDDEN); i++)
		may_not_send_to(NULL, FORBIDDEN[i], "is not in the policy's allowedNetworks");
	may_not_send_to(NULL, "0.0.0.0", "cannot be a destination address");
	may_not_send_to(NULL, "::", "cannot be a destination address");
	may_send_to(NULL, "::ffff:10.0.0.1");
}

TEST(policy_that_allows_all_ipv6_does_not_open_ipv4_behind_it)
{
	char *networks[] = {S("::/0"), S("10.0.0.0/8")};
	Pagecast__V1__Policy message = PAGECAST__V1__POLICY__INIT;
	message.allowed_networks = networks;
	message.n_allowed_networks = 2;
	may_send_to(&message, "2a00::1");
	may_send_to(&message, "2002:a00:1::1");
	may_send_to(&message, "64:ff9b::10.0.0.1");
	may_not_send_to(&message, "::ffff:8.8.8.8", "8.8.8.8 is not in");
	may_not_send_to(&message, "64:ff9b::8.8.8.8", "8.8.8.8, embedded in 64:ff9b::808:808,");
	may_not_send_to(&message, "2002:808:808::1", "8.8.8.8, embedded in 2002:808:808::1,");
	may_not_send_to(&message, "2001:0:a00:1::f7f7:f7f7", "8.8.8.8, embedded in");
	may_not_send_to(&message, "fe80::5efe:8.8.8.8", "8.8.8.8, embedded in");
	may_not_send_to(&message, "64:ff9b::224.0.0.1", "multicast");
	may_not_send_to(&message, "64:ff9b:1::a00:1", "64:ff9b:1::a00:1 is not in");
	networks[0] = S("64:ff9b:1::/48"); /* named on purpose */
	may_send_to(&message, "64:ff9b:1::a00:1");
}

TEST(policy_multicast_and_broadcast_need_their_flags)
{
	Pagecast__V1__Policy message = PAGECAST__V1__POLICY__INIT;
	may_not_send_to(&message, "224.0.0.1", "allowMulticast");
	may_not_send_to(&message, "ff02::1", "allowMulticast");
	may_not_send_to(&message, "255.255.255.255", "allowBroadcast");
	may_not_send_to(&message, "10.1.2.255", "allowBroadcast");
	may_not_send_to(&message, "10.1.2.0", "allowBroadcast"); /* the old form */
	may_not_send_to(&message, "127.255.255.255", "allowBroadcast");
	may_not_send_to(&message, "::ffff:10.1.2.255", "allowBroadcast");
	may_send_to(&message, "10.1.3.255"); /* no network of this host */
	plan_to(PLAN_UDP, "10.1.2.9", 9000);
	stream.destination.broadcast = true;
	forbidden(&message, "streams[0].udp.broadcast", "allowBroadcast");

	message.allow_multicast = message.allow_broadcast = true;
	may_send_to(&message, "224.0.0.1");
	may_send_to(&message, "ff02::1");
	may_send_to(&message, "255.255.255.255");
	may_send_to(&message, "10.1.2.255");

	char *networks[] = {S("239.1.0.0/16"), S("10.0.0.0/8")};
	message.allowed_networks = networks;
	message.n_allowed_networks = 2;
	may_send_to(&message, "239.1.7.7");
	may_not_send_to(&message, "239.2.7.7", "allowedNetworks");
	may_not_send_to(&message, "ff02::1", "allowedNetworks");
}

TEST(policy_ports_interfaces_sources_and_engines_are_judged)
{
	Pagecast__V1__PortRange low = PAGECAST__V1__PORT_RANGE__INIT, *ranges[] = {&low};
	Pagecast__V1__Policy message = PAGECAST__V1__POLICY__INIT;
	low.first = 9000;
	low.last = 9010;
	message.allowed_ports = ranges;
	message.n_allowed_ports = 1;
	plan_to(PLAN_UDP, "127.0.0.1", 9010);
	allowed(&message);
	plan_to(PLAN_UDP, "127.0.0.1", 9011);
	forbidden(&message, "streams[0].udp.port", "9011 is not in the policy's allowedPorts");
	plan_to(PLAN_UDP, "::1", 8999);
	forbidden(&message, "streams[0].udp.port", "(9000 to 9010)");

	message = (Pagecast__V1__Policy)PAGECAST__V1__POLICY__INIT;
	char *interfaces[] = {S("eth9")}, *loopback[] = {S("lo")};
	message.allowed_interfaces = interfaces;
	message.n_allowed_interfaces = 1;
	plan_to(PLAN_UDP, "127.0.0.1", 9000);
	forbidden(&message, "streams[0].udp.interface", "the route leaves by lo");
	strcpy(stream.destination.interface, "lo");
	forbidden(&message, "streams[0].udp.interface", "is lo, which is not in");
	message.allowed_interfaces = loopback;
	allowed(&message);
	stream.destination.interface[0] = '\0';
	allowed(&message);

	plan_to(PLAN_UDP, "127.0.0.1", 9000);
	stream.destination.from.v4 = ip("10.1.2.3").v4;
	allowed(NULL);
	stream.destination.from.v4 = ip("10.1.2.4").v4;
	forbidden(NULL, "streams[0].udp.sourceAddress", "neither an address of this host");
	char *sources[] = {S("10.1.2.4/31")};
	message = (Pagecast__V1__Policy)PAGECAST__V1__POLICY__INIT;
	message.allowed_sources = sources;
	message.n_allowed_sources = 1;
	allowed(&message);

	Pagecast__V1__EngineKind engines[] = {PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_COPY};
	message = (Pagecast__V1__Policy)PAGECAST__V1__POLICY__INIT;
	message.allowed_engines = engines;
	message.n_allowed_engines = 1;
	plan_to(PLAN_UDP, "127.0.0.1", 9000);
	allowed(&message); /* auto: decided when it starts */
	plan.engine = PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_COPY;
	allowed(&message);
	plan.engine = PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_SPLICE;
	forbidden(&message, "engine", "ENGINE_KIND_SPLICE");
}

TEST(policy_rates_are_judged_in_sum_and_in_both_units)
{
	static struct plan_stream two[2];
	Pagecast__V1__Policy message = PAGECAST__V1__POLICY__INIT;
	message.max_pps = 1000;
	plan_to(PLAN_UDP, "127.0.0.1", 9000);
	allowed(&message); /* no rate: the maximum is held while sending */
	stream.rate.kind = PLAN_RATE_PPS;
	stream.rate.value = 1000;
	allowed(&message);
	stream.rate.value = 1000.5;
	forbidden(&message, "streams[0].rate",
		  "1000.5 packets a second, more than the policy's maxPps");
	two[0] = two[1] = stream;
	two[0].rate.value = two[1].rate.value = 600;
	plan.streams = two;
	plan.stream_count = 2;
	forbidden(&message, "streams", "1200 packets a second");

	/* 100 bytes of payload are 142 at layer 2: 1136 bits */
	plan_to(PLAN_UDP, "127.0.0.1", 9000);
	stream.rate.kind = PLAN_RATE_BPS;
	stream.rate.value = 1136000;
	allowed(&message);
	stream.rate.value = 1137000;
	forbidden(&message, "streams[0].rate", "maxPps");
	message.max_pps = 0;
	message.max_total_bps_l2 = 1136;
	stream.rate.kind = PLAN_RATE_PPS;
	stream.rate.value = 1;
	allowed(&message);
	stream.rate.value = 1.01;
	forbidden(&message, "streams[0].rate", "maxTotalBpsL2");
}

TEST(policy_bounds_streams_and_payload_bytes)
{
	Pagecast__V1__Policy message = PAGECAST__V1__POLICY__INIT;
	message.max_payload_bytes = 100;
	plan_to(PLAN_UDP, "127.0.0.1", 9000);
	allowed(&message);
	plan.bytes = 101;
	forbidden(&message, "streams", "maxPayloadBytes");
	static struct plan_stream two[2];
	message.max_streams = 1;
	plan_to(PLAN_UDP, "127.0.0.1", 9000);
	two[0] = two[1] = stream;
	plan.streams = two;
	plan.stream_count = 2;
	forbidden(&message, "streams", "maxStreams of 1");
}

static void raw_with(uint8_t protocol, bool header_included, const uint8_t *bytes, uint32_t len)
{
	plan_to(PLAN_RAW_IP, "10.0.0.1", 0);
	stream.destination.protocol = protocol;
	stream.destination.header_included = header_included;
	item.bytes = bytes;
	item.len = stream.len_max = len;
}

static void header(uint8_t packet[static 28], const char *from, const char *to, uint16_t port)
{
	union net_ip source = ip(from), target = ip(to);
	memset(packet, 0, 28);
	packet[0] = 0x45;
	packet[9] = IPPROTO_UDP;
	memcpy(packet + 12, &source.v4.sin_addr, 4);
	memcpy(packet + 16, &target.v4.sin_addr, 4);
	packet[22] = (uint8_t)(port >> 8);
	packet[23] = (uint8_t)port;
}

TEST(policy_looks_into_included_headers)
{
	uint8_t packet[60];
	Pagecast__V1__PortRange range = PAGECAST__V1__PORT_RANGE__INIT, *ranges[] = {&range};
	Pagecast__V1__Policy message = PAGECAST__V1__POLICY__INIT;
	header(packet, "10.1.2.3", "10.0.0.1", 9000);
	raw_with(IPPROTO_RAW, true, packet, 28);
	forbidden(&message, "streams[0].rawIp.headerIncluded", "allowHeaderIncluded");
	message.allow_header_included = true;
	allowed(&message);
	header(packet, "0.0.0.0", "10.0.0.1", 9000); /* the kernel fills it in */
	allowed(&message);
	header(packet, "10.1.2.3", "8.8.8.8", 9000); /* not where the socket is connected to */
	forbidden(&message, "streams[0].payloads[0]", "8.8.8.8 is not in");
	header(packet, "8.8.4.4", "10.0.0.1", 9000);
	forbidden(&message, "streams[0].payloads[0]", "8.8.4.4 is neither an address of this host");
	header(packet, "0.1.2.3", "10.0.0.1", 9000);
	forbidden(&message, "streams[0].payloads[0]", "0.1.2.3 is neither");
	header(packet, "10.1.2.3", "10.0.0.1", 9000);
	raw_with(IPPROTO_RAW, true, packet, 19);
	forbidden(&message, "streams[0].payloads[0]", "the IPv4 header at byte 0 is cut");
	raw_with(IPPROTO_RAW, true, packet, 28);
	packet[0] = 0x4f; /* longer than there are bytes */
	forbidden(&message, "streams[0].payloads[0]", "the IPv4 header at byte 0 is cut");
	packet[0] = 0x46;
	packet[20] = 131;
	packet[21] = 4;
	forbidden(&message, "streams[0].payloads[0]", "the IPv4 header at byte 0 is malformed");
	packet[0] = 0x15;
	forbidden(&message, "streams[0].payloads[0]", "the IP header at byte 0 is malformed");

	range.first = range.last = 53;
	message.allowed_ports = ranges;
	message.n_allowed_ports = 1;
	header(packet, "10.1.2.3", "10.0.0.1", 53);
	allowed(&message);
	header(packet, "10.1.2.3", "10.0.0.1", 54);
	forbidden(&message, "streams[0].payloads[0]", "54 is not in the policy's allowedPorts");
	packet[7] = 1; /* a later fragment */
	allowed(&message);
}

TEST(policy_looks_into_packets_inside_packets)
{
	uint8_t packet[20 * 8 + 28];
	Pagecast__V1__Policy message = PAGECAST__V1__POLICY__INIT;
	header(packet, "10.1.2.3", "10.9.9.9", 9000);
	raw_with(IPPROTO_IPIP, false, packet, 28);
	forbidden(NULL, "streams[0].rawIp.protocol", "carries addresses of its own");
	message.allow_header_included = true;
	allowed(&message);
	header(packet, "10.1.2.3", "8.8.8.8", 9000);
	forbidden(&message, "streams[0].payloads[0]", "8.8.8.8 is not in");
	for (int depth = 0; depth < 8; depth++) {
		header(packet + 20 * depth, "10.1.2.3", "10.9.9.9", 9000);
		packet[20 * depth + 9] = IPPROTO_IPIP;
	}
	raw_with(IPPROTO_IPIP, false, packet, sizeof packet);
	forbidden(&message, "streams[0].payloads[0]", "is beyond 8 layers");
	uint8_t gre[28] = {0}, routing[28] = {IPPROTO_NONE}, ipv6[40] = {0x60};
	ipv6[6] = IPPROTO_NONE;
	ipv6[8] = ipv6[24] = 0xfd;
	ipv6[23] = ipv6[39] = 5;
	const struct {
		uint8_t protocol;
		const uint8_t *bytes;
		uint32_t len;
	} carriers[] = {
		{IPPROTO_GRE, gre, 28}, {IPPROTO_ROUTING, routing, 28}, {IPPROTO_IPV6, ipv6, 40}};
	for (size_t i = 0; i < ARRAY_SIZE(carriers); i++) {
		raw_with(carriers[i].protocol, false, carriers[i].bytes, carriers[i].len);
		allowed(&message);
		forbidden(NULL, "streams[0].rawIp.protocol", "carries addresses of its own");
	}
}

TEST(policy_follows_ipv6_extension_headers)
{
	uint8_t packet[80] = {0x60};
	union net_ip from = ip("fd00::5"), to = ip("fd00::9");
	Pagecast__V1__Policy message = PAGECAST__V1__POLICY__INIT;
	message.allow_header_included = true;
	memcpy(packet + 8, &from.v6.sin6_addr, 16);
	memcpy(packet + 24, &to.v6.sin6_addr, 16);
	packet[6] = IPPROTO_DSTOPTS;
	packet[40] = IPPROTO_UDP;
	raw_with(IPPROTO_RAW, true, packet, 60);
	allowed(&message);
	packet[40] = IPPROTO_ROUTING;
	forbidden(&message, "streams[0].payloads[0]", "the IPv6 options header at byte 56 is cut");
	packet[40] = IPPROTO_UDP;
	packet[41] = 200; /* longer than the packet */
	forbidden(&message, "streams[0].payloads[0]", "the IPv6 options header at byte 40 is cut");
}

TEST(policy_ports_of_raw_protocols_are_judged)
{
	uint8_t udp[8] = {0, 1, 0, 53};
	Pagecast__V1__PortRange range = PAGECAST__V1__PORT_RANGE__INIT, *ranges[] = {&range};
	Pagecast__V1__Policy message = PAGECAST__V1__POLICY__INIT;
	range.first = 9000;
	range.last = 9010;
	message.allowed_ports = ranges;
	message.n_allowed_ports = 1;
	raw_with(IPPROTO_UDP, false, udp, 8);
	forbidden(&message, "streams[0].payloads[0]", "53 is not in");
	raw_with(IPPROTO_UDP, false, udp, 3);
	forbidden(&message, "streams[0].payloads[0]", "the UDP header at byte 0 is cut");
	raw_with(IPPROTO_ICMP, false, udp, 8);
	allowed(&message);
}

TEST(policy_ethernet_needs_its_flag_and_frames_are_looked_into)
{
	uint8_t frame[18 + 28] = {0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x08, 0x00};
	Pagecast__V1__Policy message = PAGECAST__V1__POLICY__INIT;
	raw_with(0, false, frame, 42);
	stream.destination.kind = PLAN_ETHERNET;
	stream.destination.family = AF_PACKET;
	strcpy(stream.destination.interface, "lo");
	header(frame + 14, "10.1.2.3", "10.0.0.1", 9000);
	forbidden(&message, "streams[0].ethernet", "allowEthernet");
	message.allow_ethernet = true;
	allowed(&message);
	header(frame + 14, "10.1.2.3", "8.8.8.8", 9000);
	forbidden(&message, "streams[0].payloads[0]", "8.8.8.8 is not in");
	memmove(frame + 16, frame + 12, 30); /* with a VLAN tag before it */
	frame[12] = 0x81;
	frame[13] = 0x00;
	item.len = stream.len_max = 46;
	forbidden(&message, "streams[0].payloads[0]", "8.8.8.8 is not in");
	frame[0] = 0x01;
	frame[16] = 0x08;
	frame[17] = 0x06; /* ARP */
	forbidden(&message, "streams[0].payloads[0]", "allowMulticast");
	memset(frame, 0xff, 6);
	forbidden(&message, "streams[0].payloads[0]", "allowBroadcast");
	message.allow_broadcast = true;
	allowed(&message);
}

static void faulty(const Pagecast__V1__Policy *message, const char *field, const char *with)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	struct policy *policy = NULL;
	CHECK_INT(policy_new(&policy, message, &error), ==, ERROR_CODE_INVALID_ARGUMENT);
	CHECK(!policy);
	CHECK_INT(error.violation_count, ==, 1);
	CHECK_STR(error.violations[0].field, field);
	CHECK_HAS(error.violations[0].description, with);
}

TEST(policy_message_is_checked_field_by_field)
{
	Pagecast__V1__PortRange range = PAGECAST__V1__PORT_RANGE__INIT, *ranges[] = {&range};
	Google__Protobuf__Duration duration = GOOGLE__PROTOBUF__DURATION__INIT;
	const Pagecast__V1__Policy empty = PAGECAST__V1__POLICY__INIT;
	Pagecast__V1__Policy message = empty;
	char *texts[] = {S("10.0.0.0/8"), S("10.0.0.1/8")};
	message.allowed_networks = texts;
	message.n_allowed_networks = 2;
	faulty(&message, "allowedNetworks[1]", "\"10.0.0.1/8\" has bits set behind its prefix");
	message = empty;
	message.allowed_sources = texts;
	message.n_allowed_sources = 2;
	faulty(&message, "allowedSources[1]", "behind its prefix");
	message = empty;
	message.allowed_ports = ranges;
	message.n_allowed_ports = 1;
	faulty(&message, "allowedPorts[0]", "is not within 1 to 65535");
	range.first = 10;
	range.last = 9;
	faulty(&message, "allowedPorts[0]", "last 9 is below first 10");
	message = empty;
	char long_name[LINK_NAME_BYTES + 1] = "";
	memset(long_name, 'a', LINK_NAME_BYTES);
	char *names[] = {long_name};
	message.allowed_interfaces = names;
	message.n_allowed_interfaces = 1;
	faulty(&message, "allowedInterfaces[0]", "1 to 127 bytes");
	message = empty;
	Pagecast__V1__EngineKind engines[] = {99};
	message.allowed_engines = engines;
	message.n_allowed_engines = 1;
	faulty(&message, "allowedEngines[0]", "99 is not an engine");
	message = empty;
	message.max_pps = -1;
	faulty(&message, "maxPps", "-1 is not a rate");
	message = empty;
	message.max_total_bps_l2 = NAN;
	faulty(&message, "maxTotalBpsL2", "nan is not a rate");
	message = empty;
	message.max_jobs_queued = 100001;
	faulty(&message, "maxJobsQueued", "own maximum, 100000");
	message = empty;
	message.max_streams = 1025;
	faulty(&message, "maxStreams", "own maximum, 1024");
	message = empty;
	message.max_payload_bytes = PLAN_BYTES_MAX + 1;
	faulty(&message, "maxPayloadBytes", "own maximum, 268435456");
	message = empty;
	duration.seconds = -1;
	message.max_duration = &duration;
	faulty(&message, "maxDuration", "-1 s");
}

TEST(policy_in_force_has_everything_filled_in)
{
	struct policy *policy = policy_of(NULL);
	CHECK_INT(policy->message->n_allowed_networks, ==, 15);
	CHECK_INT(policy->message->max_jobs_queued, ==, 1000);
	CHECK_INT(policy->message->max_streams, ==, 1024);
	CHECK_INT(policy->message->max_payload_bytes, ==, PLAN_BYTES_MAX);
	CHECK(!policy->message->allow_multicast && !policy->message->allow_broadcast);
	CHECK(!policy->message->allow_header_included && !policy->message->allow_ethernet);
	policy_unref(policy);
	Pagecast__V1__PortRange range = PAGECAST__V1__PORT_RANGE__INIT, *ranges[] = {&range};
	Pagecast__V1__Policy message = PAGECAST__V1__POLICY__INIT;
	range.first = 53;
	message.allowed_ports = ranges;
	message.n_allowed_ports = 1;
	policy = policy_of(&message);
	CHECK_INT(policy->message->allowed_ports[0]->last, ==, 53);
	policy_unref(policy);
}

TEST(policy_pins_streams_to_an_allowed_interface)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	char *loopback[] = {S("lo")}, *other[] = {S("eth9")};
	Pagecast__V1__Policy message = PAGECAST__V1__POLICY__INIT;
	struct policy *policy = policy_of(&message);
	plan_to(PLAN_UDP, "127.0.0.1", 9000);
	CHECK_INT(policy_pin(policy, &plan, &error), ==, 0);
	CHECK_STR(stream.destination.interface, "");
	policy_unref(policy);
	message.allowed_interfaces = loopback;
	message.n_allowed_interfaces = 1;
	policy = policy_of(&message);
	CHECK_INT(policy_pin(policy, &plan, &error), ==, 0);
	CHECK_STR(stream.destination.interface, "lo");
	policy_unref(policy);
	stream.destination.interface[0] = '\0';
	message.allowed_interfaces = other;
	policy = policy_of(&message);
	CHECK_INT(policy_pin(policy, &plan, &error), ==, ERROR_CODE_PERMISSION_DENIED);
	policy_unref(policy);
}

TEST_MAIN(CASE(policy_built_in_allows_local_places_only),
	  CASE(policy_that_allows_all_ipv6_does_not_open_ipv4_behind_it),
	  CASE(policy_multicast_and_broadcast_need_their_flags),
	  CASE(policy_ports_interfaces_sources_and_engines_are_judged),
	  CASE(policy_rates_are_judged_in_sum_and_in_both_units),
	  CASE(policy_bounds_streams_and_payload_bytes), CASE(policy_looks_into_included_headers),
	  CASE(policy_looks_into_packets_inside_packets),
	  CASE(policy_follows_ipv6_extension_headers),
	  CASE(policy_ports_of_raw_protocols_are_judged),
	  CASE(policy_ethernet_needs_its_flag_and_frames_are_looked_into),
	  CASE(policy_message_is_checked_field_by_field),
	  CASE(policy_in_force_has_everything_filled_in),
	  CASE(policy_pins_streams_to_an_allowed_interface))
