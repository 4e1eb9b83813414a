/* resolve: see resolve.h. */
#include "packet/resolve.h"

#include "base/clock.h"
#include "base/util.h"
#include "net/neighbour.h"
#include "net/neighbour_query.h"
#include "packet/stream_build.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#define LOOK_NS	 (5 * CLOCK_NS_PER_MS)
#define AGAIN_NS (300 * CLOCK_NS_PER_MS) /* a request may be lost */

struct resolving {
	struct plan *plan;
	struct neighbour_query *
		*queries; /* [stream_count]; NULL: the kernel asks, or the MAC is known */
};

static void end(struct resolving *resolving)
{
	for (size_t i = 0; resolving->queries && i < resolving->plan->stream_count; i++)
		neighbour_query_free(resolving->queries[i]);
	free(resolving->queries);
}

static bool is_open(const struct plan_stream *stream)
{
	return stream->destination.next_hop.any.sa_family != AF_UNSPEC;
}

static void write_mac(struct plan *plan, struct plan_stream *stream,
		      const uint8_t mac[static ETH_ALEN])
{
	const struct stream_build *build = stream->build;
	memcpy(stream->build->frame.header, mac, ETH_ALEN);
	for (size_t i = 0; i < build->source_count; i++)
		if (build->sources[i].bytes)
			memcpy(plan->memory + (build->sources[i].bytes - plan->memory), mac,
			       ETH_ALEN);
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
	char field[64];
	snprintf(field, sizeof field, "streams[%zu].ethernet.header.destinationMac",
		 (size_t)(stream - plan->streams));
	error_violate(ret_error, field, "missing, and %s %s", text, why);
	ret_error->code = ERROR_CODE_FAILED_PRECONDITION;
	return ERROR_CODE_FAILED_PRECONDITION;
}

/* Request one, through the kernel first. */
static int ask(struct resolving *resolving, struct plan_stream *stream, struct error *ret_error)
{
	const struct plan_destination *to = &stream->destination;
	struct neighbour_query **query = &resolving->queries[stream - resolving->plan->streams];
	uint32_t ifindex = if_nametoindex(to->interface);
	int r = *query ? neighbour_query_again(*query) : neighbour_ask(ifindex, &to->next_hop.any);
	if (r == -EPERM && !*query)
		r = neighbour_query_new(query, ifindex, &to->next_hop.any);
	if (r == -EPERM)
		return refuse(resolving->plan, stream,
			      "is not in the neighbour table; asking for it needs CAP_NET_RAW",
			      ret_error);
	return r < 0 ? refuse(resolving->plan, stream, "cannot be queried", ret_error) : 0;
}

/* Look one up. Return: 0, known or not; an error_code */
static int look(struct resolving *resolving, struct plan_stream *stream, struct error *ret_error)
{
	const struct plan_destination *to = &stream->destination;
	struct neighbour_query *query = resolving->queries[stream - resolving->plan->streams];
	struct neighbour neighbour;
	uint8_t mac[ETH_ALEN];
	int r = neighbour_get(if_nametoindex(to->interface), &to->next_hop.any, &neighbour);
	if (r < 0)
		return refuse(resolving->plan, stream, "cannot be queried", ret_error);
	if (neighbour.has_mac)
		write_mac(resolving->plan, stream, neighbour.mac);
	else if (query && neighbour_query_take(query, mac))
		write_mac(resolving->plan, stream, mac);
	return 0;
}

/* Return: 0 with *ret_open a stream that still waits, or NULL; an error_code */
static int look_at_all(struct resolving *resolving, bool again, struct plan_stream **ret_open,
		       struct error *ret_error)
{
	struct plan *plan = resolving->plan;
	*ret_open = NULL;
	for (size_t i = 0; i < plan->stream_count; i++) {
		struct plan_stream *stream = &plan->streams[i];
		if (!is_open(stream))
			continue;
		int r = look(resolving, stream, ret_error);
		if (!r && again && is_open(stream))
			r = ask(resolving, stream, ret_error);
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
	int64_t now_ns = clock_monotonic_ns(clock), again_ns = now_ns;
	int64_t end_ns = now_ns + PLAN_RESOLVE_MS * CLOCK_NS_PER_MS;
	_cleanup_(end) struct resolving resolving = {
		.plan = plan,
		.queries = calloc(plan->stream_count, sizeof(struct neighbour_query *))};
	if (!resolving.queries)
		return error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	for (;; now_ns = clock_monotonic_ns(clock)) {
		struct plan_stream *open;
		bool again = now_ns >= again_ns;
		if (again)
			again_ns += AGAIN_NS;
		int r = look_at_all(&resolving, again, &open, ret_error);
		if (r || !open)
			return r;
		if (now_ns >= end_ns)
			return refuse(plan, open, "does not answer", ret_error);
		nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
	}
}
