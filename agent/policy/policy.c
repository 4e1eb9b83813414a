/* policy: see policy.h. The message is checked and filled in here; check.c judges plans by it. */
#include "policy/policy.h"

#include "base/clock.h"
#include "base/util.h"
#include "net/link.h"
#include "packet/plan.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Loopback, private, link-local, unique-local, benchmark and documentation networks. */
static const char *const BUILT_IN_NETWORKS[] = {
	"127.0.0.0/8",	 "10.0.0.0/8",	 "172.16.0.0/12",   "192.168.0.0/16", "169.254.0.0/16",
	"198.18.0.0/15", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "::1/128",
	"fe80::/10",	 "fc00::/7",	 "2001:db8::/32",   "3fff::/20",      "2001:2::/48",
};

/* 100 years: sums of nanoseconds stay far below INT64_MAX. */
#define DURATION_S_MAX INT64_C(3153600000)

/* "allowedNetworks[3]" */
static const char *at(char path[static 64], const char *list, size_t index)
{
	snprintf(path, 64, "%s[%zu]", list, index);
	return path;
}

static bool bounded(const char *list, size_t count, struct error *error)
{
	if (count <= POLICY_LIST_MAX)
		return true;
	error_violate(error, list, "%zu entries, more than the maximum of %d", count,
		      POLICY_LIST_MAX);
	return false;
}

static void check_networks(const char *list, char **texts, size_t count,
			   struct network *ret_networks, struct error *error)
{
	char path[64];
	for (size_t i = 0; i < count; i++) {
		const char *fault = network_parse(texts[i], &ret_networks[i]);
		if (fault)
			error_violate(error, at(path, list, i), "\"%.64s\" %s", texts[i], fault);
	}
}

static void check_ports(const Pagecast__V1__Policy *message, struct error *error)
{
	char path[64];
	for (size_t i = 0; i < message->n_allowed_ports; i++) {
		Pagecast__V1__PortRange *range = message->allowed_ports[i];
		at(path, "allowedPorts", i);
		if (!range->last) /* a port alone */
			range->last = range->first;
		if (range->first < 1 || range->first > 65535 || range->last > 65535)
			error_violate(error, path, "%u to %u is not within 1 to 65535",
				      range->first, range->last);
		else if (range->last < range->first)
			error_violate(error, path, "last %u is below first %u", range->last,
				      range->first);
	}
}

static void check_interfaces(const Pagecast__V1__Policy *message, struct error *error)
{
	char path[64];
	for (size_t i = 0; i < message->n_allowed_interfaces; i++) {
		const char *name = message->allowed_interfaces[i];
		size_t len = strlen(name);
		if (len < 1 || len >= LINK_NAME_BYTES || strpbrk(name, "/ \t\n"))
			error_violate(error, at(path, "allowedInterfaces", i),
				      "\"%.64s\" is not an interface name: 1 to %d bytes without "
				      "'/' and white space",
				      name, LINK_NAME_BYTES - 1);
	}
}

static void check_engines(const Pagecast__V1__Policy *message, struct error *error)
{
	char path[64];
	for (size_t i = 0; i < message->n_allowed_engines; i++) {
		int kind = (int)message->allowed_engines[i];
		if (!kind || !protobuf_c_enum_descriptor_get_value(
				     &pagecast__v1__engine_kind__descriptor, kind))
			error_violate(
				error, at(path, "allowedEngines", i),
				"%d is not an engine: SPLICE, TXRING, COPY, ZEROCOPY or URING",
				kind);
	}
}

static void check_rate(const char *field, double value, struct error *error)
{
	if (!isfinite(value) || value < 0)
		error_violate(error, field, "%.15g is not a rate: give 0 (no limit) or more",
			      value);
}

static void check_bounds(Pagecast__V1__Policy *message, struct error *error)
{
	check_rate("maxPps", message->max_pps, error);
	check_rate("maxBpsL2", message->max_bps_l2, error);
	check_rate("maxTotalPps", message->max_total_pps, error);
	check_rate("maxTotalBpsL2", message->max_total_bps_l2, error);
	if (!message->max_jobs_queued)
		message->max_jobs_queued = POLICY_JOBS_QUEUED_DEFAULT;
	if (message->max_jobs_queued > POLICY_JOBS_QUEUED_MAX)
		error_violate(error, "maxJobsQueued", "%u is above the agent's own maximum, %d",
			      message->max_jobs_queued, POLICY_JOBS_QUEUED_MAX);
	if (!message->max_streams)
		message->max_streams = PLAN_STREAMS_MAX;
	if (message->max_streams > PLAN_STREAMS_MAX)
		error_violate(error, "maxStreams", "%u is above the agent's own maximum, %d",
			      message->max_streams, PLAN_STREAMS_MAX);
	if (!message->max_payload_bytes)
		message->max_payload_bytes = PLAN_BYTES_MAX;
	if (message->max_payload_bytes > PLAN_BYTES_MAX)
		error_violate(error, "maxPayloadBytes",
			      "%" PRIu64 " is above the agent's own maximum, %" PRIu64,
			      message->max_payload_bytes, PLAN_BYTES_MAX);
}

static void check_duration(struct policy *policy, struct error *error)
{
	const Google__Protobuf__Duration *duration = policy->message->max_duration;
	if (!duration)
		return;
	if (duration->seconds < 0 || duration->seconds > DURATION_S_MAX || duration->nanos < 0 ||
	    duration->nanos >= CLOCK_NS_PER_S) {
		error_violate(error, "maxDuration",
			      "%" PRId64 " s and %d ns is not between 0 s (no limit) and 100 years",
			      duration->seconds, duration->nanos);
		return;
	}
	policy->max_duration_ns = duration->seconds * CLOCK_NS_PER_S + duration->nanos;
}

static Pagecast__V1__Policy *copy_message(const Pagecast__V1__Policy *message)
{
	size_t len = pagecast__v1__policy__get_packed_size(message);
	_cleanup_free_ uint8_t *packed = malloc(len + 1);
	if (!packed)
		return NULL;
	pagecast__v1__policy__pack(message, packed);
	return pagecast__v1__policy__unpack(NULL, len, packed);
}

static Pagecast__V1__Policy *copy_filled(const Pagecast__V1__Policy *message)
{
	Pagecast__V1__Policy filled =
		message ? *message : (Pagecast__V1__Policy)PAGECAST__V1__POLICY__INIT;
	if (!filled.n_allowed_networks) {
		filled.allowed_networks = (char **)BUILT_IN_NETWORKS;
		filled.n_allowed_networks = ARRAY_SIZE(BUILT_IN_NETWORKS);
	}
	return copy_message(&filled);
}

static int check_message(struct policy *policy, struct error *error)
{
	Pagecast__V1__Policy *message = policy->message;
	int unbounded = !bounded("allowedNetworks", message->n_allowed_networks, error) +
			!bounded("allowedPorts", message->n_allowed_ports, error) +
			!bounded("allowedInterfaces", message->n_allowed_interfaces, error) +
			!bounded("allowedEngines", message->n_allowed_engines, error) +
			!bounded("allowedSources", message->n_allowed_sources, error);
	if (unbounded)
		return (int)error->code;
	policy->networks = calloc(message->n_allowed_networks + 1, sizeof *policy->networks);
	policy->sources = calloc(message->n_allowed_sources + 1, sizeof *policy->sources);
	if (!policy->networks || !policy->sources)
		return error_set(error, ERROR_CODE_UNAVAILABLE, "out of memory");
	check_networks("allowedNetworks", message->allowed_networks, message->n_allowed_networks,
		       policy->networks, error);
	check_networks("allowedSources", message->allowed_sources, message->n_allowed_sources,
		       policy->sources, error);
	check_ports(message, error);
	check_interfaces(message, error);
	check_engines(message, error);
	check_bounds(message, error);
	check_duration(policy, error);
	for (size_t i = 0; i < message->n_allowed_networks; i++)
		if (policy->networks[i].prefix_bits >= 4 &&
		    ip_is_multicast(&policy->networks[i].address))
			policy->names_multicast = true;
	return (int)error->code;
}

int policy_new(struct policy **ret_policy, const Pagecast__V1__Policy *message,
	       struct error *ret_error)
{
	struct policy *policy = calloc(1, sizeof *policy);
	if (!policy)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	atomic_init(&policy->references, 1);
	policy->message = copy_filled(message);
	int r = policy->message ? check_message(policy, ret_error)
				: error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
	if (r) {
		policy_unref(policy);
		return r;
	}
	*ret_policy = policy;
	return 0;
}

struct policy *policy_ref(struct policy *policy)
{
	atomic_fetch_add_explicit(&policy->references, 1, memory_order_relaxed);
	return policy;
}

struct policy *policy_unref(struct policy *policy)
{
	if (!policy || atomic_fetch_sub_explicit(&policy->references, 1, memory_order_acq_rel) != 1)
		return NULL;
	if (policy->message)
		pagecast__v1__policy__free_unpacked(policy->message, NULL);
	free(policy->networks);
	free(policy->sources);
	free(policy);
	return NULL;
}

bool policy_allows_interface(const struct policy *policy, const char *name)
{
	const Pagecast__V1__Policy *message = policy->message;
	for (size_t i = 0; i < message->n_allowed_interfaces; i++)
		if (strcmp(message->allowed_interfaces[i], name) == 0)
			return true;
	/* or by another name of the same interface */
	uint32_t index = message->n_allowed_interfaces ? link_index(name) : 0;
	for (size_t i = 0; i < message->n_allowed_interfaces && index; i++)
		if (link_index(message->allowed_interfaces[i]) == index)
			return true;
	return !message->n_allowed_interfaces;
}

bool policy_allows_engine(const struct policy *policy, Pagecast__V1__EngineKind kind)
{
	const Pagecast__V1__Policy *message = policy->message;
	for (size_t i = 0; i < message->n_allowed_engines; i++)
		if (message->allowed_engines[i] == kind)
			return true;
	return !message->n_allowed_engines;
}
