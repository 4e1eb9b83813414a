/*
 * sender_problems: what is to be said about a job besides its counts; see sender_problems.h.
 *
 * While sending only numbers are kept: refusals by errno, asynchronous errors by kind. The
 * sentences are made once, at the end, when the counts in them are final.
 */
#include "sender/sender_problems.h"

#include "base/util.h"
#include "engine/engine_words.h"
#include "net/queue.h"
#include "packet/layer.h"
#include "sender/sender_link.h"
#include "sender/sender_path.h"
#include "sender/sender_promise.h"
#include "sender/sender_stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

void sender_problems_refused(struct sender_stream *stream, int error, uint64_t packets)
{
	size_t i = 0;
	while (i < stream->refusal_count && stream->refusals[i].error != error)
		i++;
	if (i == SENDER_ERRNOS_MAX)
		i--;
	else if (i == stream->refusal_count)
		stream->refusals[stream->refusal_count++].error = error;
	stream->refusals[i].packets += packets;
}

void sender_problems_read_async(struct sender *sender, size_t most)
{
	for (size_t i = 0; i < MIN(most, sender->stream_count); i++) {
		size_t turn = sender->async_turn++ % sender->stream_count;
		struct sender_stream *stream = &sender->streams[turn];
		if (account_attempted(&stream->account))
			flow_async_errors(stream->flow, &stream->async_errors, &stream->counters);
	}
}

enum problem_code sender_problems_code(int error)
{
	switch (error) {
	case EMSGSIZE: return PROBLEM_MESSAGE_TOO_LONG;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case EADDRNOTAVAIL: return PROBLEM_NO_ROUTE;
	case EPERM:
	case EACCES: return PROBLEM_PERMISSION;
	case ENETDOWN: return PROBLEM_INTERFACE_DOWN;
	case ENODEV:
	case ENXIO: return PROBLEM_INTERFACE_GONE;
	case ECONNREFUSED: return PROBLEM_PORT_UNREACHABLE;
	case EAGAIN:
	case ENOBUFS:
	case ENOMEM:
	case EMFILE:
	case ENFILE: return PROBLEM_NO_ROOM;
	default: return PROBLEM_KERNEL_ERROR;
	}
}

static const char *destination_text(const struct sender_stream *stream)
{
	const struct plan_destination *destination = &stream->plan->destination;
	return destination->text[0] ? destination->text : destination->interface;
}

static bool answers(enum neighbour_state state)
{
	return state == NEIGHBOUR_REACHABLE || state == NEIGHBOUR_STALE;
}

static bool neighbour_silent(const struct sender_path *path)
{
	return path->asks_neighbour && (path->neighbour_after == NEIGHBOUR_FAILED ||
					path->neighbour_after == NEIGHBOUR_INCOMPLETE);
}

static const char *neighbour_text(const struct sender_path *path, char hop[static INET6_ADDRSTRLEN])
{
	bool v4 = path->next_hop.any.sa_family == AF_INET;
	hop[0] = '\0';
	inet_ntop(path->next_hop.any.sa_family,
		  v4 ? (const void *)&path->next_hop.v4.sin_addr
		     : (const void *)&path->next_hop.v6.sin6_addr,
		  hop, INET6_ADDRSTRLEN);
	return v4 ? "ARP answer" : "neighbour advertisement";
}

/* The neighbour table knows what no send reports. A neighbour that was never known got nothing. */
static void add_neighbour(struct problem_set *set, const struct sender_stream *stream)
{
	const struct sender_path *path = stream->path;
	if (!neighbour_silent(path) || !stream->account.packets_sent)
		return;
	char hop[INET6_ADDRSTRLEN];
	const char *answer = neighbour_text(path, hop);
	bool known_before = answers(path->neighbour_before);
	uint64_t lost = known_before ? stream->async_errors.causes[ICMP_CAUSE_NEIGHBOUR]
				     : stream->account.packets_sent;
	problem_put(set, PROBLEM_NO_NEIGHBOUR, PROBLEM_WARNING, stream->field, EHOSTUNREACH, lost,
		    "no %s from %s%s: packets were dropped by the kernel", answer, hop,
		    known_before ? " any more" : "");
}

/* Of a neighbour that needs no answer, or gave it, "host unreachable" is a packet filter's word. */
static void add_async_errors(struct problem_set *set, const struct sender_stream *stream)
{
	struct flow_async_errors errors = stream->async_errors;
	const struct sender_path *path = stream->path;
	if (path && (path->neighbour_before == NEIGHBOUR_PERMANENT ||
		     (answers(path->neighbour_before) && answers(path->neighbour_after)))) {
		errors.causes[ICMP_CAUSE_FILTER_HERE] += errors.causes[ICMP_CAUSE_NEIGHBOUR];
		errors.causes[ICMP_CAUSE_NEIGHBOUR] = 0;
	}
	engine_words_async_errors(stream->flow, &errors, stream->field, set);
}

/* Longer than the path takes in one piece, and allowed to be cut: what arrives is more packets. */
static void add_fragments(struct problem_set *set, const struct sender_stream *stream)
{
	const struct plan_destination *to = &stream->plan->destination;
	uint32_t len = stream->plan->len_max;
	uint64_t added;
	uint64_t pieces = sender_stream_fragments(
		stream, plan_layer_bytes(stream->plan, len, PAGECAST__V1__LAYER__LAYER_L3), &added);
	if (to->dont_fragment || pieces < 2 || !stream->account.packets_sent)
		return;
	problem_add(set, PROBLEM_MESSAGE_TOO_LONG, PROBLEM_INFO, stream->field, 0, 0,
		    "packets to %s leave in fragments, %" PRIu64 " for %" PRIu32
		    " bytes of payload: the MTU of the path is %" PRIu32,
		    destination_text(stream), pieces, len, stream->path->mtu);
}

static void add_stream(struct sender *sender, const struct sender_stream *stream)
{
	struct problem_set *set = &sender->problems;
	for (size_t i = 0; i < stream->refusal_count; i++)
		engine_words_refused(stream->flow, stream->refusals[i].error,
				     stream->refusals[i].packets, stream->field, set);
	add_async_errors(set, stream);
	add_neighbour(set, stream);
	add_fragments(set, stream);
	if (stream->account.packets_dropped)
		problem_add(set, PROBLEM_NO_ROOM, PROBLEM_WARNING, stream->field, ENOBUFS,
			    stream->account.packets_dropped,
			    "%llu packets to %s were dropped: no room in the socket buffer or the "
			    "device's queue, and the job's whenFull is DROP",
			    (unsigned long long)stream->account.packets_dropped,
			    destination_text(stream));
	if (stream->gave_up)
		problem_add(set, PROBLEM_KERNEL_ERROR, PROBLEM_ERROR, stream->field, 0, 1,
			    "gave up sending to %s: %llu packets in a row were refused",
			    destination_text(stream), (unsigned long long)stream->refused_in_a_row);
}

/* Packets that the job sent and this host dropped. */
static void add_lost(struct sender *sender, const struct sender_path *path, const struct link *now)
{
	const char *field = sender_path_field(sender, path);
	uint64_t device = now->tx_dropped > path->before.tx_dropped
				  ? now->tx_dropped - path->before.tx_dropped
				  : 0;
	uint32_t drops = path->queue_drops_before, queue = 0;
	if (path->queue_known && queue_drops(path->ifindex, &drops) == 0)
		queue = drops - path->queue_drops_before;
	if (!device && !queue)
		return;
	problem_add(&sender->problems, PROBLEM_NO_ROOM, PROBLEM_WARNING, field, ENOBUFS,
		    device + queue,
		    "while the job ran, the queue of %s dropped %" PRIu32 " packets and the device "
		    "%" PRIu64 " (other traffic included)",
		    now->name, queue, device);
}

/* The interface as it is now against what it was. */
static void add_link(struct sender *sender, struct sender_path *path)
{
	struct problem_set *set = &sender->problems;
	const char *field = sender_path_field(sender, path);
	struct link now;
	bool down_told = sender_link_tell(sender, path, PROBLEM_INTERFACE_DOWN);
	bool mtu_told = sender_link_tell(sender, path, PROBLEM_MESSAGE_TOO_LONG);
	bool gone_told = sender_link_tell(sender, path, PROBLEM_INTERFACE_GONE);
	int result = link_basics(path->ifindex, &now);
	if (result == -ENODEV && !gone_told)
		problem_add(set, PROBLEM_INTERFACE_GONE, PROBLEM_WARNING, field, ENODEV, 0,
			    "interface %s was removed while the job ran", path->interface);
	if (result < 0)
		return;
	if (down_told)
		; /* by when it was so */
	else if (!now.up)
		problem_add(set, PROBLEM_INTERFACE_DOWN, PROBLEM_WARNING, field, ENETDOWN, 0,
			    "interface %s is down", now.name);
	else if (!now.carrier)
		problem_add(set, PROBLEM_INTERFACE_DOWN, PROBLEM_WARNING, field, ENETDOWN, 0,
			    "interface %s has no carrier: no cable, or the other end is down",
			    now.name);
	else if (now.carrier_losses != path->before.carrier_losses)
		problem_add(set, PROBLEM_INTERFACE_DOWN, PROBLEM_WARNING, field, ENETDOWN,
			    now.carrier_losses - path->before.carrier_losses,
			    "interface %s lost its carrier while the job ran, and has it again "
			    "(%" PRIu32 " times)",
			    now.name, now.carrier_losses - path->before.carrier_losses);
	if (now.mtu < path->before.mtu && !mtu_told)
		problem_add(set, PROBLEM_MESSAGE_TOO_LONG, PROBLEM_WARNING, field, 0, 0,
			    "the MTU of interface %s was lowered from %" PRIu32 " to %" PRIu32
			    " while the job ran",
			    now.name, path->before.mtu, now.mtu);
	add_lost(sender, path, &now);
}

static void add_links(struct sender *sender)
{
	for (size_t p = 0; p < sender->path_count; p++) {
		bool seen = !sender->paths[p].interface[0];
		sender_link_tell(sender, &sender->paths[p], PROBLEM_ADDRESS_GONE);
		for (size_t q = 0; q < p && !seen; q++)
			seen = sender->paths[q].ifindex == sender->paths[p].ifindex;
		if (!seen)
			add_link(sender, &sender->paths[p]);
	}
}

static void add_end(struct sender *sender, const struct account *account)
{
	struct problem_set *set = &sender->problems;
	unsigned long long left = account->packets_cancelled;
	if (sender->end == SENDER_MAX_DURATION && left)
		problem_add(set, PROBLEM_MAX_DURATION, PROBLEM_ERROR, "maxDuration", 0, left,
			    "stopped after max_duration, %.15g s: %llu packets were not sent",
			    (double)sender->max_duration_ns / CLOCK_NS_PER_S, left);
	else if (sender->end == SENDER_MAX_DURATION)
		problem_add(set, PROBLEM_MAX_DURATION, PROBLEM_ERROR, "maxDuration", 0, 0,
			    "stopped after max_duration, %.15g s, before the job's own limit",
			    (double)sender->max_duration_ns / CLOCK_NS_PER_S);
	if (sender->end == SENDER_LEASE_EXPIRED)
		problem_add(set, PROBLEM_LEASE_EXPIRED, PROBLEM_ERROR, "lease", 0, left,
			    "the lease of %.15g s expired without being renewed",
			    (double)sender->plan->lease_ns / CLOCK_NS_PER_S);
	if (!account->packets_sent && !set->count)
		problem_add(set, PROBLEM_NOT_STARTED, PROBLEM_INFO, "", 0, left,
			    "stopped before the first packet was due");
}

void sender_problems_collect(struct sender *sender)
{
	struct account account = {0};
	for (size_t i = 0; i < sender->stream_count; i++) {
		add_stream(sender, &sender->streams[i]);
		account_add(&account, &sender->streams[i].account);
	}
	add_links(sender);
	sender_promise_judge(sender);
	add_end(sender, &account);
}

void sender_look_ahead(struct sender *sender)
{
	char hop[INET6_ADDRSTRLEN];
	for (size_t p = 0; p < sender->path_count; p++) {
		const struct sender_path *path = &sender->paths[p];
		if (!path->asks_neighbour || path->neighbour_before != NEIGHBOUR_FAILED)
			continue;
		const char *answer = neighbour_text(path, hop);
		problem_add(&sender->problems, PROBLEM_NO_NEIGHBOUR, PROBLEM_WARNING,
			    sender_path_field(sender, path), EHOSTUNREACH, 0,
			    "no %s from %s at the last request", answer, hop);
	}
	add_links(sender);
}
