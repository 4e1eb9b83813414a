/*
 * sender_path: where the packets go, looked at before and after; see sender_path.h.
 *
 * The kernel takes a datagram for a neighbour it does not know, asks, and throws it away a second
 * or three later when nobody answered: no send ever fails. So the sender asks the neighbour table
 * itself. What can't be found out (no permission, a netlink error) stays unknown; a job never fails
 * for it.
 */
#include "sender/sender_path.h"

#include "base/util.h"
#include "net/queue.h"
#include "net/route.h"

#include <errno.h>
#include <string.h>

/* ICMP from the next few hops is back within this. */
#define LINGER_ICMP_NS (5 * CLOCK_NS_PER_MS)
/* A neighbour is asked once a second: one answer's time, not the three tries of the kernel. */
#define LINGER_NEIGHBOUR_NS	 (1100 * CLOCK_NS_PER_MS)
#define LINGER_NEIGHBOUR_STEP_NS (20 * CLOCK_NS_PER_MS)

/* Ports make no difference to the way. */
static bool same_address(const struct sockaddr *a, const struct sockaddr *b)
{
	if (a->sa_family != b->sa_family)
		return false;
	if (a->sa_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
		       ((const struct sockaddr_in *)b)->sin_addr.s_addr;
	if (a->sa_family != AF_INET6)
		return true; /* neither names one */
	const struct sockaddr_in6 *x = (const struct sockaddr_in6 *)a;
	const struct sockaddr_in6 *y = (const struct sockaddr_in6 *)b;
	return x->sin6_scope_id == y->sin6_scope_id &&
	       memcmp(&x->sin6_addr, &y->sin6_addr, sizeof x->sin6_addr) == 0;
}

static bool same_way(const struct plan_destination *a, const struct plan_destination *b)
{
	return a->kind == b->kind && strcmp(a->interface, b->interface) == 0 &&
	       (a->kind == PLAN_ETHERNET ||
		(same_address(&a->to.any, &b->to.any) && same_address(&a->from.any, &b->from.any)));
}

static void find_link(struct sender_path *path, const struct sender_path *others, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (others[i].ifindex != path->ifindex || !others[i].interface[0])
			continue;
		path->before = others[i].before;
		path->queue_known = others[i].queue_known;
		path->queue_drops_before = others[i].queue_drops_before;
		memcpy(path->interface, others[i].interface, sizeof path->interface);
		return;
	}
	if (link_by_index(path->ifindex, &path->before) == 0)
		memcpy(path->interface, path->before.name, sizeof path->interface);
	path->queue_known = queue_drops(path->ifindex, &path->queue_drops_before) == 0;
}

static enum neighbour_state neighbour_state(const struct sender_path *path)
{
	struct neighbour neighbour;
	if (neighbour_get(path->ifindex, &path->next_hop.any, &neighbour) < 0)
		return NEIGHBOUR_NOARP; /* unknown: nothing is claimed */
	return neighbour.state;
}

static void find_ethernet(struct sender_path *path)
{
	if (link_by_name(path->destination->interface, &path->before) < 0)
		return;
	path->ifindex = path->before.index;
	path->mtu = path->before.mtu;
	memcpy(path->interface, path->before.name, sizeof path->interface);
	path->queue_known = queue_drops(path->ifindex, &path->queue_drops_before) == 0;
}

static void find_route(struct sender_path *path, const struct sender_path *others, size_t count)
{
	const struct plan_destination *destination = path->destination;
	const struct sockaddr *from =
		destination->from.any.sa_family == AF_UNSPEC ? NULL : &destination->from.any;
	struct route route;
	if (route_get(&destination->to.any, from, destination->interface, &route) < 0)
		return;
	path->ifindex = route.ifindex;
	path->mtu = route.mtu;
	path->source = route.source;
	path->local = route.type == ROUTE_LOCAL;
	find_link(path, others, count);
	path->local |= path->before.loopback;
	if (route.type != ROUTE_UNICAST || !path->before.has_mac)
		return;
	path->next_hop = route.next_hop;
	path->neighbour_before = neighbour_state(path);
	path->asks_neighbour = path->neighbour_before != NEIGHBOUR_NOARP &&
			       path->neighbour_before != NEIGHBOUR_PERMANENT;
}

int sender_path_find(struct sender *sender)
{
	sender->paths = calloc(sender->stream_count, sizeof *sender->paths);
	if (!sender->paths)
		return -ENOMEM;
	for (size_t i = 0; i < sender->stream_count; i++) {
		struct sender_stream *stream = &sender->streams[i];
		const struct plan_destination *destination = &stream->plan->destination;
		size_t p = 0;
		while (p < sender->path_count &&
		       !same_way(sender->paths[p].destination, destination))
			p++;
		stream->path = &sender->paths[p];
		if (p < sender->path_count)
			continue;
		stream->path->destination = destination;
		if (destination->kind == PLAN_ETHERNET)
			find_ethernet(stream->path);
		else
			find_route(stream->path, sender->paths, sender->path_count);
		stream->path->line_bps = stream->path->before.speed_bps;
		sender->path_count++;
	}
	return 0;
}

const char *sender_path_field(const struct sender *sender, const struct sender_path *path)
{
	for (size_t i = 0; i < sender->stream_count; i++)
		if (sender->streams[i].path == path)
			return sender->streams[i].field;
	return "";
}

static bool path_used(const struct sender *sender, const struct sender_path *path)
{
	for (size_t i = 0; i < sender->stream_count; i++)
		if (sender->streams[i].path == path && sender->streams[i].account.packets_sent)
			return true;
	return false;
}

/* Ask for every neighbour that was sent to. Return: true while one has not answered yet. */
static bool look_at_neighbours(struct sender *sender)
{
	bool open = false;
	for (size_t p = 0; p < sender->path_count; p++) {
		struct sender_path *path = &sender->paths[p];
		path->neighbour_after = path->neighbour_before;
		if (!path->asks_neighbour || !path_used(sender, path))
			continue;
		path->neighbour_after = neighbour_state(path);
		open |= path->neighbour_after == NEIGHBOUR_INCOMPLETE;
	}
	return open;
}

static bool all_local(const struct sender *sender)
{
	for (size_t p = 0; p < sender->path_count; p++)
		if (!sender->paths[p].local && path_used(sender, &sender->paths[p]))
			return false;
	return true;
}

void sender_path_linger(struct sender *sender)
{
	int64_t begin_ns = clock_monotonic_ns(sender->clock);
	uint32_t seen = sender_waiter_seen(&sender->waiter);
	bool patient = sender->end == SENDER_LIMIT_REACHED || sender->end == SENDER_ERROR;
	if (patient && !all_local(sender))
		sender_wait_until(&sender->waiter, begin_ns + LINGER_ICMP_NS, false, seen);
	while (look_at_neighbours(sender) && patient) {
		int64_t now_ns = clock_monotonic_ns(sender->clock);
		if (now_ns - begin_ns >= LINGER_NEIGHBOUR_NS ||
		    sender_waiter_seen(&sender->waiter) != seen)
			break;
		sender_wait_until(&sender->waiter, now_ns + LINGER_NEIGHBOUR_STEP_NS, false, seen);
	}
}
