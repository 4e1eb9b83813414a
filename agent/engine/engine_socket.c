/*
 * engine_socket: the connected, non-blocking socket of a UDP or raw IP flow.
 *
 * Order matters: bind to the device first, then options, then the source address, then connect, so
 * that the kernel checks each against the ones before. IP_RECVERR is what makes ENOBUFS and soft
 * errors visible. A filter that accepts nothing keeps replies (and, on a raw socket, every packet
 * of the protocol) out of the receive queue, whose room the error queue needs. Thread: the flow's
 * worker.
 */
#include "engine/engine_socket.h"

#include "base/sys.h"
#include "base/util.h"
#include "engine/engine_probe.h"
#include "engine/source_port.h"
#include "net/link.h"
#include "net/route.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <string.h>

enum {
	MTU_UNKNOWN = 1280,	   /* every IPv6 path takes this */
	HUGE_FLOWS_MAX = 8,	   /* of one job: 2 MiB each must not add up */
	HUGE_BYTES_MIN = 64 << 20, /* a huge page costs as much as sending some 2 MiB */
};

static socklen_t address_bytes(int family)
{
	return family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

static int set(const struct flow *flow, int level, int option, int value)
{
	return sys_setsockopt_int(flow->fd, level, option, value);
}

/* An option could not be set. Return: @r */
static int option_problem(const struct flow *flow, int r, const char *what, const char *field,
			  struct problem_set *problems)
{
	problem_add(problems, r == -EPERM ? PROBLEM_PERMISSION : PROBLEM_KERNEL_ERROR,
		    PROBLEM_ERROR, field, -r, 0, "cannot set %s for %s: %s", what,
		    flow->stream->destination.text, strerror(-r));
	return r;
}

static int open_fd(struct flow *flow, const char *field, struct problem_set *problems)
{
	const struct plan_destination *to = &flow->stream->destination;
	bool raw = to->kind == PLAN_RAW_IP;
	int protocol = !raw ? 0 : to->header_included ? IPPROTO_RAW : to->protocol;
	int r = sys_socket(to->family, (raw ? SOCK_RAW : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC,
			   protocol);
	if (r >= 0) {
		flow->fd = r;
		return 0;
	}
	if (raw && (r == -EPERM || r == -EACCES))
		problem_add(problems, PROBLEM_PERMISSION, PROBLEM_ERROR, field, -r, 0,
			    "a raw socket requires CAP_NET_RAW, which the agent does not have");
	else
		problem_add(problems, PROBLEM_KERNEL_ERROR, PROBLEM_ERROR, field, -r, 0,
			    "cannot open a socket for %s: %s", to->text, strerror(-r));
	return r;
}

static int bind_device(struct flow *flow, const char *field, struct problem_set *problems)
{
	const char *name = flow->stream->destination.interface;
	if (!name[0])
		return 0;
	struct link link;
	int r = link_by_name(name, &link);
	if (r == -ENODEV) {
		problem_add(problems, PROBLEM_INTERFACE_GONE, PROBLEM_ERROR, field, ENODEV, 0,
			    "no such interface: %s", name);
		return r;
	}
	if (r == 0 && !link.up) {
		problem_add(problems, PROBLEM_INTERFACE_DOWN, PROBLEM_ERROR, field, ENETDOWN, 0,
			    "interface %s is down", name);
		return -ENETDOWN;
	}
	r = sys_setsockopt(flow->fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name));
	if (r == 0)
		return 0;
	problem_add(problems, r == -ENODEV ? PROBLEM_INTERFACE_GONE : PROBLEM_PERMISSION,
		    PROBLEM_ERROR, field, -r, 0, "cannot send through interface %s: %s", name,
		    strerror(-r));
	return r;
}

/* Optional: where an option is refused, the agent sees or buffers less, but the job runs. */
static void set_optional(struct flow *flow)
{
	bool v6 = flow->stream->destination.family == AF_INET6;
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog filter = {.len = 1, .filter = &nothing};
	sys_setsockopt(flow->fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
	set(flow, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVERR : IP_RECVERR, 1);
	if (set(flow, SOL_SOCKET, SO_SNDBUFFORCE, ENGINE_SEND_BUFFER_BYTES) < 0)
		set(flow, SOL_SOCKET, SO_SNDBUF, ENGINE_SEND_BUFFER_BYTES);
}

struct option {
	bool wanted;
	int level, name, value;
	const char *what;
};

static int set_options(struct flow *flow, const char *field, struct problem_set *problems)
{
	const struct plan_destination *to = &flow->stream->destination;
	bool v4 = to->family == AF_INET;
	bool raw = to->kind == PLAN_RAW_IP;
	const struct option options[] = {
		{v4 && raw, IPPROTO_IP, IP_HDRINCL, to->header_included, "header_included"},
		{v4 && to->ttl, IPPROTO_IP, IP_TTL, to->ttl, "ttl"},
		{v4 && to->ttl, IPPROTO_IP, IP_MULTICAST_TTL, to->ttl, "ttl"},
		{v4 && to->dscp, IPPROTO_IP, IP_TOS, to->dscp << 2, "dscp"},
		{v4 && to->dont_fragment, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO,
		 "dont_fragment"},
		{v4 && to->broadcast, SOL_SOCKET, SO_BROADCAST, 1, "broadcast"},
		{!v4 && !raw, IPPROTO_IPV6, IPV6_V6ONLY, 1, /* leaves IPv4 its own source ports */
		 "source_port"},
		{!v4 && raw && to->protocol == IPPROTO_RAW, IPPROTO_IPV6, IPV6_HDRINCL, 0,
		 "protocol 255"},
		{!v4 && to->ttl, IPPROTO_IPV6, IPV6_UNICAST_HOPS, to->ttl, "ttl"},
		{!v4 && to->ttl, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, to->ttl, "ttl"},
		{!v4 && to->dscp, IPPROTO_IPV6, IPV6_TCLASS, to->dscp << 2, "dscp"},
		{!v4 && to->dont_fragment, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO,
		 "dont_fragment"},
		{!v4 && to->dont_fragment, IPPROTO_IPV6, IPV6_DONTFRAG, 1, "dont_fragment"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		const struct option *o = &options[i];
		int r = o->wanted ? set(flow, o->level, o->name, o->value) : 0;
		if (r < 0)
			return option_problem(flow, r, o->what, field, problems);
	}
	return 0;
}

static int bind_source(struct flow *flow, const char *field, struct problem_set *problems)
{
	const struct plan_destination *to = &flow->stream->destination;
	if (to->from.any.sa_family == AF_UNSPEC)
		return 0;
	bool v4 = to->family == AF_INET;
	uint16_t port = ntohs(v4 ? to->from.v4.sin_port : to->from.v6.sin6_port);
	int r = source_port_bind(flow->fd, &to->from.any, address_bytes(to->family), port);
	if (r == 0) {
		flow->source_port = port;
		return 0;
	}
	char text[INET6_ADDRSTRLEN];
	inet_ntop(to->family, v4 ? (void *)&to->from.v4.sin_addr : (void *)&to->from.v6.sin6_addr,
		  text, sizeof text);
	if (r == -EADDRNOTAVAIL)
		problem_add(problems, PROBLEM_KERNEL_ERROR, PROBLEM_ERROR, field, -r, 0,
			    "%s is not an address of this host and cannot be the source", text);
	else if (r == -EADDRINUSE)
		problem_add(problems, PROBLEM_KERNEL_ERROR, PROBLEM_ERROR, field, -r, 0,
			    "source port %u of %s is in use by another program", port, text);
	else if (r == -EACCES || r == -EPERM)
		problem_add(problems, PROBLEM_PERMISSION, PROBLEM_ERROR, field, -r, 0,
			    "source port %u requires CAP_NET_BIND_SERVICE, which the agent does "
			    "not have",
			    port);
	else
		problem_add(problems, PROBLEM_KERNEL_ERROR, PROBLEM_ERROR, field, -r, 0,
			    "cannot send from %s port %u: %s", text, port, strerror(-r));
	return r;
}

static bool is_loopback(const union net_ip *ip)
{
	if (ip->any.sa_family == AF_INET)
		return ntohl(ip->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return ip->any.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&ip->v6.sin6_addr);
}

/* The kernel lets packets with the source ::1 out, and every receiver discards them. */
static bool leaves_as_loopback(const struct plan_destination *to)
{
	struct route route;
	struct link link;
	if (!is_loopback(&to->from) ||
	    route_get(&to->to.any, &to->from.any, to->interface, &route) < 0)
		return false;
	return route.type != ROUTE_LOCAL &&
	       !(link_basics(route.ifindex, &link) == 0 && link.loopback);
}

static int refuse_loopback(const struct plan_destination *to, const char *field,
			   struct problem_set *problems)
{
	problem_add(problems, PROBLEM_NO_ROUTE, PROBLEM_ERROR, field, EINVAL, 0,
		    "the source is a loopback address, which nothing that leaves this host for %s "
		    "can have: give another address of this host, or none",
		    to->text);
	return -EINVAL;
}

static int connect_to(struct flow *flow, const char *field, struct problem_set *problems)
{
	const struct plan_destination *to = &flow->stream->destination;
	int r = sys_connect(flow->fd, &to->to.any, address_bytes(to->family));
	switch (r) {
	case 0: return leaves_as_loopback(to) ? refuse_loopback(to, field, problems) : 0;
	case -ENETUNREACH:
	case -EHOSTUNREACH:
		problem_add(problems, PROBLEM_NO_ROUTE, PROBLEM_ERROR, field, -r, 0,
			    "no route to %s%s%s", to->text,
			    to->interface[0] ? " through interface " : "", to->interface);
		return r;
	case -EACCES:
		problem_add(problems, PROBLEM_PERMISSION, PROBLEM_ERROR, field, -r, 0,
			    "%s is a broadcast address or a prohibited route", to->text);
		return r;
	case -EINVAL:
		if (is_loopback(&to->from))
			return refuse_loopback(to, field, problems);
		problem_add(
			problems, PROBLEM_NO_ROUTE, PROBLEM_ERROR, field, -r, 0,
			"the route to %s is a blackhole, or the address cannot be sent to from the "
			"source address (ip route get tells)",
			to->text);
		return r;
	case -ENODEV:
	case -ENXIO:
		problem_add(problems, PROBLEM_INTERFACE_GONE, PROBLEM_ERROR, field, -r, 0,
			    "the interface towards %s is gone", to->text);
		return r;
	case -ENETDOWN:
		problem_add(problems, PROBLEM_INTERFACE_DOWN, PROBLEM_ERROR, field, -r, 0,
			    "the interface towards %s is down", to->text);
		return r;
	default:
		problem_add(problems, PROBLEM_KERNEL_ERROR, PROBLEM_ERROR, field, -r, 0,
			    "cannot send to %s: %s", to->text, strerror(-r));
		return r;
	}
}

uint32_t flow_path_mtu_payload(const struct flow *flow)
{
	const struct plan_destination *to = &flow->stream->destination;
	bool v6 = to->family == AF_INET6;
	int mtu = 0;
	socklen_t len = sizeof mtu;
	if (getsockopt(flow->fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_MTU : IP_MTU, &mtu,
		       &len) < 0 ||
	    mtu < MTU_UNKNOWN / 2)
		mtu = MTU_UNKNOWN;
	int headers = to->header_included ? 0 : v6 ? sizeof(struct ip6_hdr) : sizeof(struct iphdr);
	return (uint32_t)(mtu - headers - (to->kind == PLAN_UDP ? sizeof(struct udphdr) : 0));
}

static void name_next_hop(struct flow *flow, const struct route *route)
{
	const union net_ip *hop = &route->next_hop;
	if (hop->any.sa_family == AF_INET)
		inet_ntop(AF_INET, &hop->v4.sin_addr, flow->next_hop, sizeof flow->next_hop);
	else if (hop->any.sa_family == AF_INET6)
		inet_ntop(AF_INET6, &hop->v6.sin6_addr, flow->next_hop, sizeof flow->next_hop);
}

static void note_link(struct flow *flow, enum engine_reason_kind kind, const struct link *link)
{
	flow->path.reason = (struct engine_reason){.kind = kind};
	snprintf(flow->path.reason.interface, sizeof flow->path.reason.interface, "%s", link->name);
}

/* What the way out can do: whether pages stay referenced depends on the device. */
static void look_at_device(struct flow *flow)
{
	const struct plan_destination *to = &flow->stream->destination;
	struct link *link = &flow->engine->link;
	struct route route;
	flow->path.kind = to->kind;
	flow->path.copies = PAGECAST__V1__KERNEL_COPIES__KERNEL_COPIES_NONE;
	if (route_get(&to->to.any, to->from.any.sa_family ? &to->from.any : NULL, to->interface,
		      &route) < 0)
		return;
	flow->here = route.type == ROUTE_LOCAL;
	name_next_hop(flow, &route);
	if (link->index != route.ifindex && link_by_index(route.ifindex, link) < 0) {
		link->index = 0;
		return;
	}
	flow->path.whole = link->udp_segmentation;
	flow->sums_in_kernel = to->family == AF_INET6 ? !link->checksum6 : !link->checksum4;
	if (!link->udp_segmentation) {
		flow->segments_in_kernel = true;
		note_link(flow, ENGINE_REASON_NO_SEGMENTATION, link);
	}
	if (!link->scatter_gather) {
		flow->path.copies = PAGECAST__V1__KERNEL_COPIES__KERNEL_COPIES_ONE;
		note_link(flow, ENGINE_REASON_NO_SCATTER_GATHER, link);
	}
}

bool flow_at_full_speed(const struct flow *flow, uint64_t packets)
{
	const struct plan_stream *stream = flow->stream;
	const struct plan_limit *limit = &stream->limit;
	bool counted = limit->kind == PLAN_LIMIT_PACKETS || limit->kind == PLAN_LIMIT_BYTES;
	return stream->rate.kind == PLAN_RATE_UNLIMITED && stream->burst.packets == 0 &&
	       (!counted || limit->packets >= packets);
}

static bool may_be_huge(const struct flow *flow)
{
	return flow->engine->huge_flows < HUGE_FLOWS_MAX && flow->stream->len_max &&
	       flow_at_full_speed(flow, HUGE_BYTES_MIN / flow->stream->len_max);
}

static void find_limits(struct flow *flow)
{
	struct engine *engine = flow->engine;
	bool pages = engine->layout == PAGECAST__V1__PAGE_LAYOUT__PAGE_LAYOUT_PAGE_PER_PACKET;
	bool udp = flow->stream->destination.kind == PLAN_UDP;
	flow->limits = (struct train_limits){
		.segments_max = udp && !pages ? engine_probed()->segments_max : 1,
		.segment_bytes_max = flow_path_mtu_payload(flow),
		.page_offset = pages ? engine->page_offset : 0,
		.page_per_packet = pages,
		.huge = udp && !pages && may_be_huge(flow),
	};
	engine->huge_flows += flow->limits.huge;
}

int flow_open_socket(struct flow *flow, const char *field, struct problem_set *problems)
{
	int r = open_fd(flow, field, problems);
	if (r < 0)
		return r;
	r = bind_device(flow, field, problems);
	if (r < 0)
		return r;
	set_optional(flow);
	r = set_options(flow, field, problems);
	if (r < 0)
		return r;
	r = bind_source(flow, field, problems);
	if (r < 0)
		return r;
	r = connect_to(flow, field, problems);
	if (r < 0)
		return r;
	socklen_t len = sizeof flow->local;
	if (getsockname(flow->fd, &flow->local.any, &len) < 0)
		flow->local.any.sa_family = AF_UNSPEC;
	look_at_device(flow);
	find_limits(flow);
	return 0;
}
