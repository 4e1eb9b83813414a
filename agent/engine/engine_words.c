/* engine_words: see engine_words.h. */
#include "engine/engine_words.h"

#include "base/util.h"
#include "engine/engine_facts.h"
#include "engine/engine_private.h"
#include "engine/engine_socket.h"
#include "net/udp_bound.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

/* Text that grows at its end; what does not fit is cut. */
struct words {
	char *text;
	size_t size, used;
};

__attribute__((format(printf, 2, 3))) static void add(struct words *words, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(words->text + words->used, words->size - words->used, format, args);
	va_end(args);
	if (n > 0)
		words->used = MIN(words->used + (size_t)n, words->size - 1);
}

static struct words words_init(char *text, size_t size)
{
	text[0] = '\0';
	return (struct words){.text = text, .size = size};
}

/* ---- the path ---- */

static const char *kind_name(enum plan_kind kind)
{
	switch (kind) {
	case PLAN_UDP: return "udp";
	case PLAN_RAW_IP: return "raw ip";
	case PLAN_ETHERNET: return "ethernet";
	}
	return "";
}

static const char *tee_name(enum engine_tee tee)
{
	switch (tee) {
	case ENGINE_TEE_NONE: return "";
	case ENGINE_TEE_USED: return "tee, ";
	case ENGINE_TEE_AT_FIRST: return "tee at first, ";
	}
	return "";
}

/* Where trains leave, those calls have another option. */
static void add_method(struct words *words, const struct engine_path *path)
{
	bool trains = path->train_packets > 1 || path->paced;
	switch (path->method) {
	case ENGINE_METHOD_NONE: return;
	case ENGINE_METHOD_SEND_EMPTY: add(words, "send (empty datagrams)"); return;
	case ENGINE_METHOD_SPLICE: add(words, "vmsplice, %ssplice", tee_name(path->tee)); return;
	case ENGINE_METHOD_SPLICE_PAGE:
		add(words, "vmsplice of a page, splice of head, packet and tail");
		return;
	case ENGINE_METHOD_SENDMMSG:
		add(words, "sendmmsg%s", trains ? " with UDP_SEGMENT" : "");
		return;
	case ENGINE_METHOD_ZEROCOPY:
		add(words, "send with MSG_ZEROCOPY%s", trains ? " and UDP_SEGMENT" : "");
		return;
	case ENGINE_METHOD_RING:
		add(words, "PACKET_TX_RING%s", trains ? " with PACKET_VNET_HDR" : "");
		return;
	case ENGINE_METHOD_URING:
		add(words, "io_uring%s", trains ? " with UDP_SEGMENT" : "");
		return;
	}
}

static void add_lone(struct words *words, const struct engine_path *path)
{
	switch (path->method) {
	case ENGINE_METHOD_NONE:
	case ENGINE_METHOD_SEND_EMPTY: return;
	case ENGINE_METHOD_SPLICE:
	case ENGINE_METHOD_SPLICE_PAGE: add(words, "; one packet a splice"); return;
	case ENGINE_METHOD_SENDMMSG:
	case ENGINE_METHOD_URING:
		add(words, "; up to %u packets a call", path->call_packets);
		return;
	case ENGINE_METHOD_ZEROCOPY: add(words, "; one packet a call"); return;
	case ENGINE_METHOD_RING: add(words, "; one frame a slot"); return;
	}
}

void engine_words_path(const struct engine_path *path, char *text, size_t size)
{
	struct words words = words_init(text, size);
	if (path->method == ENGINE_METHOD_NONE)
		return;
	add(&words, "%s: ", kind_name(path->kind));
	add_method(&words, path);
	const char *by = path->unrated ? "as max_back_to_back asks" : "at their rate";
	if (path->paced && path->train_packets == 1)
		add(&words, "; single %s, %s", path->kind == PLAN_ETHERNET ? "frames" : "datagrams",
		    by);
	else if (path->paced)
		add(&words, "; trains of %u at most, %s", path->train_packets, by);
	else if (path->train_packets > 1)
		add(&words, "; trains of %u", path->train_packets);
	else
		add_lone(&words, path);
	if (path->some_empty &&
	    (path->method == ENGINE_METHOD_SPLICE || path->method == ENGINE_METHOD_SPLICE_PAGE))
		add(&words, "; empty ones by send");
	if (path->whole && path->kind == PLAN_UDP && path->train_packets > 1)
		add(&words, "; captures on this host or a veth show a train as one datagram");
}

void engine_words_reason(const struct engine_path *path, char *text, size_t size)
{
	struct words words = words_init(text, size);
	const struct engine_reason *reason = &path->reason;
	switch (reason->kind) {
	case ENGINE_REASON_NONE: return;
	case ENGINE_REASON_COPY_ENGINE:
		add(&words, "this engine copies every byte into the kernel once");
		return;
	case ENGINE_REASON_RAW_SOCKET:
		add(&words, "a raw socket copies once out of the spliced page");
		return;
	case ENGINE_REASON_PIPE_AND_RAW_SOCKET:
		add(&words, "this kernel copies into the pipe, and a raw socket copies out of it");
		return;
	case ENGINE_REASON_SPLICE_COPIES:
		add(&words, "this kernel copies what is spliced to a UDP socket");
		return;
	case ENGINE_REASON_CHECKSUM_COPIES:
		add(&words, "the device writes no checksums: this kernel copies to write them");
		return;
	case ENGINE_REASON_FRAGMENTS_COPIED:
		add(&words, "packets longer than the path MTU: this kernel copies to compute the "
			    "checksums of their fragments");
		return;
	case ENGINE_REASON_ZEROCOPY_COPIES:
		add(&words, "the kernel reports that it copied after all, as it does for a "
			    "receiver on this host and for fragments");
		return;
	case ENGINE_REASON_ZEROCOPY_NO_MEMORY:
		add(&words, "no memory may be locked for MSG_ZEROCOPY (ulimit -l, "
			    "net.core.optmem_max): the kernel copies");
		return;
	case ENGINE_REASON_ZEROCOPY_REFUSED:
		add(&words, "SO_ZEROCOPY is refused here (%s): the kernel copies",
		    errno_name(reason->error));
		return;
	case ENGINE_REASON_URING_NO_MEMORY:
		add(&words, "no memory may be locked for io_uring (ulimit -l): the kernel copies");
		return;
	case ENGINE_REASON_LOCAL_RECEIVER:
		add(&words, "the kernel copies for a receiver on this host");
		return;
	case ENGINE_REASON_LONE_FRAMES_COPIED:
		add(&words, "frames that cannot leave as a train are copied: faster than a "
			    "reference to each");
		return;
	case ENGINE_REASON_NO_SCATTER_GATHER:
		add(&words, "%s has no scatter-gather: the kernel copies", reason->interface);
		return;
	case ENGINE_REASON_NO_SEGMENTATION:
		add(&words, "%s does not segment trains itself: the kernel does",
		    reason->interface);
		return;
	case ENGINE_REASON_PATH_SHORTER:
		add(&words,
		    "the path takes no more than %u bytes of payload in a packet: longer "
		    "ones leave one by one",
		    reason->bytes);
		return;
	case ENGINE_REASON_TRAIN_REFUSED:
		add(&words, "the kernel refused a train here (%s): %s leave one by one",
		    errno_name(reason->error),
		    path->kind == PLAN_ETHERNET ? "frames" : "datagrams");
		return;
	}
}

void engine_words_choice(const struct engine_choice *choice, char *text, size_t size)
{
	struct words words = words_init(text, size);
	switch (choice->reason) {
	case ENGINE_CHOICE_ASKED: add(&words, "asked for by the job"); return;
	case ENGINE_CHOICE_PAGES: add(&words, "auto: pages are handed over, not copied"); return;
	case ENGINE_CHOICE_RAW_PAGES: add(&words, "auto: pages are handed over"); return;
	case ENGINE_CHOICE_FRAMES:
		add(&words, "auto: Ethernet frames leave by a packet ring");
		return;
	case ENGINE_CHOICE_DIFFER:
		add(&words, "auto: packets differ, and are changed in place when the kernel is "
			    "done with them");
		return;
	case ENGINE_CHOICE_COPIES: add(&words, "auto: vmsplice copies on this kernel"); return;
	case ENGINE_CHOICE_FALLBACK:
		add(&words, "auto: io_uring could not be set up for this job (locked memory, "
			    "ulimit -l)");
		return;
	case ENGINE_CHOICE_NO_SPLICE:
		add(&words, "auto: SPLICE is not available here: %s",
		    engine_facts_find(PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_SPLICE)->why);
		return;
	case ENGINE_CHOICE_ALLOWED:
		add(&words, "auto: the first engine that the policy allows and that can send this "
			    "job");
		return;
	}
}

/* ---- problems ---- */

void engine_words_refused(const struct flow *flow, int error, uint64_t packets, const char *field,
			  struct problem_set *problems)
{
	const char *to = flow->stream->destination.text;
	bool frames = flow->stream->destination.kind == PLAN_ETHERNET;
	enum problem_code code = PROBLEM_KERNEL_ERROR;
	switch (error) {
	case EMSGSIZE:
		if (frames) {
			problem_add(problems, PROBLEM_MESSAGE_TOO_LONG, PROBLEM_ERROR, field, error,
				    packets, "frames are longer than %s takes (%u bytes)", to,
				    flow->limits.segment_bytes_max);
			return;
		}
		problem_add(problems, PROBLEM_MESSAGE_TOO_LONG, PROBLEM_ERROR, field, error,
			    packets,
			    "packets are longer than the path to %s takes in one piece (%u bytes "
			    "of payload)",
			    to, flow_path_mtu_payload(flow));
		return;
	case ENETUNREACH:
	case EHOSTUNREACH:
		problem_add(problems, PROBLEM_NO_ROUTE, PROBLEM_ERROR, field, error, packets,
			    "no route to %s any more", to);
		return;
	case EPERM:
		problem_add(problems, PROBLEM_PERMISSION, PROBLEM_ERROR, field, error, packets,
			    "a packet filter of this host refuses packets to %s", to);
		return;
	case ENETDOWN:
		problem_add(problems, PROBLEM_INTERFACE_DOWN, PROBLEM_ERROR, field, error, packets,
			    frames ? "interface %s went down"
				   : "the interface towards %s went down",
			    to);
		return;
	case ENODEV:
	case ENXIO:
		problem_add(problems, PROBLEM_INTERFACE_GONE, PROBLEM_ERROR, field, error, packets,
			    frames ? "interface %s is gone" : "the interface towards %s is gone",
			    to);
		return;
	case EAGAIN:
	case ENOBUFS:
	case ENOMEM: code = PROBLEM_NO_ROOM; break;
	default: break;
	}
	problem_add(problems, code, PROBLEM_ERROR, field, error, packets,
		    "the kernel refused packets to %s: %s", to, strerror(error));
}

static void add_neighbour(const struct flow *flow, uint64_t count, const char *field,
			  struct problem_set *problems)
{
	const struct plan_destination *to = &flow->stream->destination;
	const char *hop = flow->next_hop[0] ? flow->next_hop : to->text;
	problem_put(
		problems, PROBLEM_NO_NEIGHBOUR, PROBLEM_WARNING, field, EHOSTUNREACH, count,
		to->family == AF_INET6
			? "no neighbour advertisement from %s: packets were dropped by the kernel"
			: "no ARP answer from %s: packets were dropped by the kernel",
		hop);
}

/* " (198.18.0.7 says so)", or nothing where it is not known. */
static const char *says(char text[static 80], const union net_ip *sender)
{
	char address[INET6_ADDRSTRLEN];
	size_t len;
	const void *bytes = net_ip_bytes(&sender->any, &len);
	text[0] = '\0';
	if (bytes && inet_ntop(sender->any.sa_family, bytes, address, sizeof address))
		snprintf(text, 80, " (%s says so)", address);
	return text;
}

/* On this host a filter's word looks like a closed port; that it is none can be seen. */
static void add_port(const struct flow *flow, uint64_t count, const char *field,
		     struct problem_set *problems)
{
	const struct plan_destination *to = &flow->stream->destination;
	if (to->kind == PLAN_UDP && flow->here && udp_bound(&to->to.any))
		problem_put(problems, PROBLEM_PORT_UNREACHABLE, PROBLEM_WARNING, field,
			    ECONNREFUSED, count,
			    "%" PRIu64
			    " packets to %s were refused, though a socket is bound there now: "
			    "a packet filter of this host rejects them, or it was opened later",
			    count, to->text);
	else
		problem_put(problems, PROBLEM_PORT_UNREACHABLE, PROBLEM_WARNING, field,
			    ECONNREFUSED, count, "nothing listens on %s (%" PRIu64 " refusal%s)",
			    to->text, count, count == 1 ? "" : "s");
}

static void add_cause(const struct flow *flow, enum icmp_cause cause, uint64_t count,
		      const union net_ip *sender, int last_error, const char *field,
		      struct problem_set *problems)
{
	const struct plan_destination *to = &flow->stream->destination;
	char by[80];
	says(by, sender);
	switch (cause) {
	case ICMP_CAUSE_PORT: add_port(flow, count, field, problems); return;
	case ICMP_CAUSE_PROTOCOL:
		problem_put(problems, PROBLEM_PORT_UNREACHABLE, PROBLEM_WARNING, field, ENOPROTOOPT,
			    count, "nothing takes this IP protocol at %s%s", to->text, by);
		return;
	case ICMP_CAUSE_NEIGHBOUR: add_neighbour(flow, count, field, problems); return;
	case ICMP_CAUSE_FILTER_HERE:
		problem_put(
			problems, PROBLEM_PERMISSION, PROBLEM_WARNING, field, EACCES, count,
			"a packet filter or a route of this host rejects packets to %s (%" PRIu64
			" rejections)",
			to->text, count);
		return;
	case ICMP_CAUSE_FILTER:
		problem_put(problems, PROBLEM_PERMISSION, PROBLEM_WARNING, field, EACCES, count,
			    "a packet filter on the way to %s rejects packets%s", to->text, by);
		return;
	case ICMP_CAUSE_UNREACHABLE:
		problem_put(problems, PROBLEM_NO_ROUTE, PROBLEM_WARNING, field, EHOSTUNREACH, count,
			    "the network reports that %s is unreachable%s (%" PRIu64 " times)",
			    to->text, by, count);
		return;
	case ICMP_CAUSE_TOO_LONG:
		problem_put(problems, PROBLEM_MESSAGE_TOO_LONG, PROBLEM_WARNING, field, EMSGSIZE,
			    count,
			    "the path to %s takes shorter packets than were sent (%" PRIu64
			    " times); it takes %u bytes of payload now",
			    to->text, count, flow_path_mtu_payload(flow));
		return;
	case ICMP_CAUSE_HOP_LIMIT:
		problem_put(problems, PROBLEM_NO_ROUTE, PROBLEM_WARNING, field, EHOSTUNREACH, count,
			    "the TTL (hop limit) of packets to %s ran out on the way%s", to->text,
			    by);
		return;
	case ICMP_CAUSE_OTHER:
	case ICMP_CAUSE_COUNT: break;
	}
	problem_put(problems, PROBLEM_KERNEL_ERROR, PROBLEM_WARNING, field, last_error, count,
		    "the network reported an error for packets to %s%s: %s", to->text, by,
		    strerror(last_error));
}

void engine_words_async_errors(const struct flow *flow, const struct flow_async_errors *total,
			       const char *field, struct problem_set *problems)
{
	for (size_t cause = 0; cause < ICMP_CAUSE_COUNT; cause++)
		if (total->causes[cause])
			add_cause(flow, (enum icmp_cause)cause, total->causes[cause],
				  &total->senders[cause], total->last_error, field, problems);
}
