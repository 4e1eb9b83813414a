/*
 * resolve: destination MACs that the neighbour table did not know when a plan was compiled.
 *
 * The kernel is told to ask for them, and the table is looked at until they are all there or the
 * time is up. A MAC stands in front of every frame and in no checksum, so it is written into the
 * frames as they are. Before anything else reads the plan's bytes. Thread: one.
 */
#include "base/clock.h"
#include "packet/plan.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#define LOOK_NS (5 * CLOCK_NS_PER_MS)

static bool is_open(const struct plan_stream *stream)
{
	return stream->destination.next_hop.any.sa_family != AF_UNSPEC;
}

static void write_mac(struct plan *plan, struct plan_stream *stream,
		      const uint8_t mac[static NET_MAC_BYTES])
{
	for (size_t i = 0; i < stream->item_count; i++)
		memcpy(plan->memory + (stream->items[i].bytes - plan->memory), mac, NET_MAC_BYTES);
	stream->destination.next_hop.any.sa_family = AF_UNSPEC;
}

static int refuse(const struct plan *plan, const struct plan_stream *stream, const char *why,
		  struct error *ret_error)
{
	const struct plan_destination *to = &stream->destination;
	char text[INET6_ADDRSTRLEN];
	bool v4 = to->next_hop.any.sa_family == AF_INET;
	inet_ntop(to->next_hop.any.sa_family,
		  v4 ? (const void *)&to->next_hop.v4.sin_addr
		     : (const void *)&to->next_hop.v6.sin6_addr,
		  text, sizeof text);
	return error_set(ret_error, ERROR_CODE_FAILED_PRECONDITION,
			 "streams[%zu].ethernet.header.destinationMac: missing, and %s %s",
			 (size_t)(stream - plan->streams), text, why);
}

/* Look one up, and ask for it the first time. Return: 0 known or not; an error_code */
static int look(struct plan *plan, struct plan_stream *stream, bool ask, struct error *ret_error)
{
	const struct plan_destination *to = &stream->destination;
	uint32_t ifindex = if_nametoindex(to->interface);
	struct net_neighbour neighbour;
	int r = net_neighbour_get(ifindex, &to->next_hop.any, &neighbour);
	if (r == 0 && neighbour.has_mac) {
		write_mac(plan, stream, neighbour.mac);
		return 0;
	}
	if (r == 0 && ask)
		r = net_neighbour_ask(ifindex, &to->next_hop.any);
	if (r == -EPERM)
		return refuse(plan, stream,
			      "is not in the neighbour table; asking for it needs CAP_NET_ADMIN",
			      ret_error);
	return r < 0 ? refuse(plan, stream, "cannot be asked for it", ret_error) : 0;
}

/* Return: 0 with *ret_open a stream that still waits, or NULL; an error_code */
static int look_at_all(struct plan *plan, bool ask, struct plan_stream **ret_open,
		       struct error *ret_error)
{
	*ret_open = NULL;
	for (size_t i = 0; i < plan->stream_count; i++) {
		struct plan_stream *stream = &plan->streams[i];
		if (!is_open(stream))
			continue;
		int r = look(plan, stream, ask, ret_error);
		if (r)
			return r;
		if (is_open(stream))
			*ret_open = stream;
	}
	return 0;
}

int plan_resolve(struct plan *plan, struct error *ret_error)
{
	const struct clock *clock = clock_real();
	int64_t end_ns = clock_monotonic_ns(clock) + PLAN_RESOLVE_MS * CLOCK_NS_PER_MS;
	for (bool ask = true;; ask = false) {
		struct plan_stream *open;
		int r = look_at_all(plan, ask, &open, ret_error);
		if (r || !open)
			return r;
		if (clock_monotonic_ns(clock) >= end_ns)
			return refuse(plan, open, "does not answer", ret_error);
		nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
	}
}
