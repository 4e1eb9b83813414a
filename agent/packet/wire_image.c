/* wire_image: see wire_image.h. How the kernel fills headers: net/ipv4/ip_output.c,
 * net/ipv6/ip6_output.c. */
#include "packet/wire_image.h"

#include "base/util.h"
#include "net/route.h"
#include "packet/checksum.h"
#include "packet/plan_bytes.h"

#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <string.h>

enum { DEFAULT_TTL = 64, DEFAULT_MULTICAST_TTL = 1, ICMPV6_CHECKSUM_END = 4 };

static uint8_t read_default_ttl(int family)
{
	const char *path = family == AF_INET ? "/proc/sys/net/ipv4/ip_default_ttl"
					     : "/proc/sys/net/ipv6/conf/default/hop_limit";
	_cleanup_file_ FILE *file = fopen(path, "re");
	unsigned int ttl = DEFAULT_TTL;
	if (file && fscanf(file, "%3u", &ttl) == 1 && ttl >= 1 && ttl <= UINT8_MAX)
		return (uint8_t)ttl;
	return DEFAULT_TTL;
}

void wire_image_context_init(struct wire_image_context *context, const struct plan_stream *stream)
{
	const struct plan_destination *destination = &stream->destination;
	struct route route;
	bool from_given = destination->from.any.sa_family != AF_UNSPEC;
	*context = (struct wire_image_context){.source = destination->from};
	context->source.any.sa_family = (sa_family_t)destination->family;
	if (destination->kind == PLAN_ETHERNET)
		return;
	context->ttl = destination->ttl;
	if (!context->ttl)
		context->ttl = destination->multicast ? DEFAULT_MULTICAST_TTL
						      : read_default_ttl(destination->family);
	bool addressed =
		from_given && (destination->family == AF_INET
				       ? destination->from.v4.sin_addr.s_addr != 0
				       : !IN6_IS_ADDR_UNSPECIFIED(&destination->from.v6.sin6_addr));
	if (route_get(&destination->to.any, addressed ? &destination->from.any : NULL,
		      destination->interface, &route) < 0)
		return;
	context->routed = true;
	context->mtu = route.mtu;
	if (addressed)
		return;
	if (destination->family == AF_INET)
		context->source.v4.sin_addr = route.source.v4.sin_addr;
	else
		context->source.v6.sin6_addr = route.source.v6.sin6_addr;
}

static size_t ip_header_bytes(const struct plan_destination *destination)
{
	if (destination->kind == PLAN_ETHERNET || destination->header_included)
		return 0;
	return destination->family == AF_INET ? sizeof(struct iphdr) : sizeof(struct ip6_hdr);
}

static size_t header_bytes(const struct plan_destination *destination)
{
	return ip_header_bytes(destination) +
	       (destination->kind == PLAN_UDP ? sizeof(struct udphdr) : 0);
}

size_t wire_image_len(const struct plan_stream *stream, const struct plan_item *item)
{
	return header_bytes(&stream->destination) + item->len;
}

static uint8_t protocol_of(const struct plan_destination *destination)
{
	return destination->kind == PLAN_UDP ? IPPROTO_UDP : destination->protocol;
}

/* Don't-fragment is set unless the packet will have to be fragmented. */
static void write_ipv4(const struct wire_image_context *context,
		       const struct plan_destination *destination, uint8_t *bytes, size_t len)
{
	bool fits = !context->mtu || len <= context->mtu;
	struct iphdr ip = {
		.version = 4,
		.ihl = sizeof ip / 4,
		.tos = (uint8_t)(destination->dscp << 2),
		.tot_len = htons((uint16_t)len),
		.frag_off = htons(fits || destination->dont_fragment ? IP_DF : 0),
		.ttl = context->ttl,
		.protocol = protocol_of(destination),
		.saddr = context->source.v4.sin_addr.s_addr,
		.daddr = destination->to.v4.sin_addr.s_addr,
	};
	ip.check = checksum_fold(checksum_add((const uint8_t *)&ip, sizeof ip));
	memcpy(bytes, &ip, sizeof ip);
}

static void write_ipv6(const struct wire_image_context *context,
		       const struct plan_destination *destination, uint8_t *bytes, size_t len)
{
	struct ip6_hdr ip = {
		.ip6_src = context->source.v6.sin6_addr,
		.ip6_dst = destination->to.v6.sin6_addr,
	};
	ip.ip6_flow = htonl(UINT32_C(6) << 28 | (uint32_t)destination->dscp << 22);
	ip.ip6_plen = htons((uint16_t)(len - sizeof ip));
	ip.ip6_nxt = protocol_of(destination);
	ip.ip6_hlim = context->ttl;
	memcpy(bytes, &ip, sizeof ip);
}

static in_port_t port_of(const union net_ip *ip)
{
	return ip->any.sa_family == AF_INET ? ip->v4.sin_port : ip->v6.sin6_port;
}

/* Behind the IP header: addresses for the pseudo-header are the last in it. */
static uint64_t pseudo_sum(const struct plan_destination *destination, const uint8_t *ip,
			   uint32_t message_len)
{
	size_t ip_len = ip_header_bytes(destination);
	size_t addresses_len = destination->family == AF_INET ? 8 : 32;
	return checksum_pseudo(ip + ip_len - addresses_len, addresses_len, protocol_of(destination),
			       message_len);
}

static void write_udp(const struct wire_image_context *context,
		      const struct plan_destination *destination, uint8_t *ip, uint32_t udp_len)
{
	uint8_t *bytes = ip + ip_header_bytes(destination);
	struct udphdr udp = {
		.source = port_of(&context->source),
		.dest = port_of(&destination->to),
		.len = htons((uint16_t)udp_len),
	};
	memcpy(bytes, &udp, sizeof udp);
	uint16_t check =
		checksum_fold(pseudo_sum(destination, ip, udp_len) + checksum_add(bytes, udp_len));
	checksum_put(bytes + offsetof(struct udphdr, check), check ? check : 0xffff);
}

/* IP_HDRINCL: the kernel always writes length and checksum, and the source where it is zero. */
static void finish_included(const struct wire_image_context *context, uint8_t *bytes, uint32_t len)
{
	struct iphdr ip;
	memcpy(&ip, bytes, sizeof ip);
	ip.tot_len = htons((uint16_t)len);
	if (!ip.saddr)
		ip.saddr = context->source.v4.sin_addr.s_addr;
	ip.check = 0;
	memcpy(bytes, &ip, sizeof ip);
	size_t header_len = MIN((size_t)ip.ihl * 4, len);
	checksum_put(bytes + offsetof(struct iphdr, check),
		     checksum_fold(checksum_add(bytes, header_len)));
}

void wire_image_write(const struct wire_image_context *context, const struct plan_stream *stream,
		      const struct plan_item *item, uint64_t number, uint8_t *bytes)
{
	const struct plan_destination *destination = &stream->destination;
	size_t head = header_bytes(destination);
	size_t len = head + item->len;
	size_t ip_len = ip_header_bytes(destination);
	plan_packet_write(stream, item, number, bytes + head);
	if (destination->header_included && item->len >= sizeof(struct iphdr))
		finish_included(context, bytes, item->len);
	if (!ip_len)
		return;
	if (destination->family == AF_INET)
		write_ipv4(context, destination, bytes, len);
	else
		write_ipv6(context, destination, bytes, len);
	if (destination->kind == PLAN_UDP)
		write_udp(context, destination, bytes, (uint32_t)(len - ip_len));
	else if (destination->family == AF_INET6 && destination->protocol == IPPROTO_ICMPV6 &&
		 item->len >= ICMPV6_CHECKSUM_END) { /* raw sockets of ICMPv6: the kernel's too */
		uint8_t *icmp = bytes + head;
		checksum_put(icmp + offsetof(struct icmp6_hdr, icmp6_cksum), 0);
		checksum_put(icmp + offsetof(struct icmp6_hdr, icmp6_cksum),
			     checksum_fold(pseudo_sum(destination, bytes, item->len) +
					   checksum_add(icmp, item->len)));
	}
}

static unsigned int fragments(const struct wire_image_context *context,
			      const struct plan_destination *destination, size_t len)
{
	size_t ip_len =
		destination->family == AF_INET ? sizeof(struct iphdr) : sizeof(struct ip6_hdr) + 8;
	if (!context->mtu || len <= context->mtu || destination->kind == PLAN_ETHERNET ||
	    context->mtu <= ip_len + 8)
		return 1;
	size_t piece = (context->mtu - ip_len) / 8 * 8; /* all but the last are multiples of 8 */
	size_t data = len - (destination->family == AF_INET ? sizeof(struct iphdr)
							    : sizeof(struct ip6_hdr));
	return (unsigned int)((data + piece - 1) / piece);
}

static void source_text(const struct wire_image_context *context,
			char text[static INET6_ADDRSTRLEN + 10])
{
	char address[INET6_ADDRSTRLEN] = "?";
	if (context->source.any.sa_family == AF_INET)
		inet_ntop(AF_INET, &context->source.v4.sin_addr, address, sizeof address);
	else if (context->source.any.sa_family == AF_INET6)
		inet_ntop(AF_INET6, &context->source.v6.sin6_addr, address, sizeof address);
	snprintf(text, INET6_ADDRSTRLEN + 10, "%s", address);
}

void wire_image_summary(const struct wire_image_context *context, const struct plan_stream *stream,
			const struct plan_item *item, char summary[static WIRE_IMAGE_SUMMARY_MAX])
{
	const struct plan_destination *destination = &stream->destination;
	char source[INET6_ADDRSTRLEN + 10];
	if (destination->kind == PLAN_ETHERNET) {
		snprintf(summary, WIRE_IMAGE_SUMMARY_MAX, "frame out of %s, %u B",
			 destination->interface, item->len);
		return;
	}
	source_text(context, source);
	int n = 0;
	if (destination->kind == PLAN_UDP)
		n = snprintf(summary, WIRE_IMAGE_SUMMARY_MAX, "UDP %s > %s, %u B of payload",
			     source, destination->text, item->len);
	else if (destination->header_included)
		n = snprintf(summary, WIRE_IMAGE_SUMMARY_MAX,
			     "IP packet with its own header > %s, %u B", destination->text,
			     item->len);
	else
		n = snprintf(summary, WIRE_IMAGE_SUMMARY_MAX,
			     "IP protocol %u %s > %s, %u B of payload", destination->protocol,
			     source, destination->text, item->len);
	unsigned int pieces = fragments(context, destination, wire_image_len(stream, item));
	if (pieces > 1 && n > 0 && n < WIRE_IMAGE_SUMMARY_MAX)
		snprintf(summary + n, (size_t)(WIRE_IMAGE_SUMMARY_MAX - n), ", in %u fragments",
			 pieces);
}
