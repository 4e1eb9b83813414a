/*
 * engine_facts: see engine_facts.h. Made of what the probe found, once, under pthread_once().
 */
#include "engine/engine_facts.h"

#include "base/problem.h"
#include "base/util.h"
#include "engine/engine_probe.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>

static struct engine_fact facts[ENGINE_KINDS]; /* written under `once`, read by anyone afterwards */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void add_fact(struct engine_fact *fact, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void add_fact(struct engine_fact *fact, const char *format, ...)
{
	if (fact->fact_count == ARRAY_SIZE(fact->facts))
		return;
	va_list args;
	va_start(args, format);
	vsnprintf(fact->facts[fact->fact_count++], sizeof fact->facts[0], format, args);
	va_end(args);
}

static void add_trains(const struct engine_probed *probed, struct engine_fact *fact)
{
	if (!probed->udp_tried)
		add_fact(fact, "loopback is down: trains were not tried");
	else if (probed->segments_max > 1)
		add_fact(fact, "UDP_SEGMENT: trains of up to %u datagrams", probed->segments_max);
	else
		add_fact(fact, "UDP_SEGMENT: no trains (%s)", errno_name(probed->segment_error));
}

static void add_lockable(const struct engine_probed *probed, struct engine_fact *fact)
{
	if (probed->lockable_bytes != RLIM_INFINITY)
		add_fact(fact,
			 "locked memory is limited to %llu KiB (ulimit -l) without CAP_IPC_LOCK",
			 (unsigned long long)probed->lockable_bytes >> 10);
}

static void add_raw_ip(const struct engine_probed *probed, struct engine_fact *fact)
{
	add_fact(fact, probed->net_raw ? "CAP_NET_RAW: raw IP can be sent"
				       : "no CAP_NET_RAW: raw IP cannot be sent");
}

static void fill_splice(const struct engine_probed *probed, struct engine_fact *fact)
{
	fact->kind = PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_SPLICE;
	fact->available = !probed->vmsplice_error && !probed->udp_error;
	if (probed->vmsplice_error == ENOBUFS)
		snprintf(fact->why, sizeof fact->why,
			 "pipes are too small: this user has too many large ones");
	else if (!fact->available)
		snprintf(fact->why, sizeof fact->why, "%s: %s",
			 probed->vmsplice_error ? "vmsplice fails" : "splice to a UDP socket fails",
			 errno_name(probed->vmsplice_error ? probed->vmsplice_error
							   : probed->udp_error));
	else
		snprintf(fact->why, sizeof fact->why, "vmsplice and splice work here");
	if (fact->available)
		add_fact(fact, probed->pipe_by_reference ? "vmsplice references pages"
							 : "vmsplice copies on this kernel");
	if (probed->udp_tried && fact->available)
		add_fact(
			fact,
			!probed->pipe_by_reference
				? "splice to UDP: whether it copies is not seen where vmsplice does"
			: probed->udp_by_reference ? "splice to UDP references pages"
						   : "splice to UDP copies on this kernel");
	if (probed->udp_tried && fact->available && probed->odd_sum_wrong)
		add_fact(fact, "this kernel computes wrong checksums for odd pieces: packets are "
			       "placed around it");
	if (probed->pipe_slots)
		add_fact(fact, "pipes of %u slots", probed->pipe_slots);
	if (probed->udp_tried && fact->available)
		add_fact(fact, "one datagram by vmsplice and splice on loopback: %lld ns",
			 (long long)probed->handover_ns);
	add_trains(probed, fact);
	add_raw_ip(probed, fact);
}

static void fill_zerocopy(const struct engine_probed *probed, struct engine_fact *fact)
{
	fact->kind = PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_ZEROCOPY;
	fact->available = !probed->zerocopy_error;
	if (!fact->available) {
		snprintf(fact->why, sizeof fact->why, "MSG_ZEROCOPY fails: %s",
			 errno_name(probed->zerocopy_error));
		return;
	}
	snprintf(fact->why, sizeof fact->why, "MSG_ZEROCOPY works here, for UDP");
	if (probed->zerocopy_completed)
		add_fact(fact, probed->zerocopy_copied
				       ? "to a receiver on this host the kernel copies"
				       : "to a receiver on this host the kernel does not copy");
	add_lockable(probed, fact);
	add_trains(probed, fact);
}

static void fill_uring(const struct engine_probed *probed, struct engine_fact *fact)
{
	fact->kind = PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_URING;
	fact->available = !probed->uring_error;
	if (probed->uring_error == ENOSYS)
		snprintf(fact->why, sizeof fact->why, "this kernel has no io_uring");
	else if (probed->uring_error == EPERM || probed->uring_error == EACCES)
		snprintf(fact->why, sizeof fact->why,
			 "io_uring is forbidden here (kernel.io_uring_disabled, or a seccomp "
			 "filter of the container or service)");
	else if (probed->uring_error == EINVAL || probed->uring_error == EOPNOTSUPP)
		snprintf(fact->why, sizeof fact->why,
			 "this kernel's io_uring has no zero-copy send (Linux 6.1 or newer)");
	else if (probed->uring_error == ENOMEM)
		snprintf(fact->why, sizeof fact->why,
			 "no memory may be locked (ulimit -l), which io_uring needs");
	else if (!fact->available)
		snprintf(fact->why, sizeof fact->why, "io_uring fails: %s",
			 errno_name(probed->uring_error));
	else
		snprintf(fact->why, sizeof fact->why, "io_uring works here, for UDP");
	if (!fact->available)
		return;
	if (!probed->uring_reports)
		add_fact(fact, "this kernel does not report copies for a receiver on this host "
			       "(Linux 6.2 does): they are not seen");
	else if (probed->uring_notified)
		add_fact(fact, probed->uring_copied
				       ? "to a receiver on this host the kernel copies"
				       : "to a receiver on this host the kernel does not copy");
	add_lockable(probed, fact);
	add_trains(probed, fact);
}

static void fill_ring(const struct engine_probed *probed, struct engine_fact *fact)
{
	*fact = (struct engine_fact){.kind = PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_TXRING,
				     .available = !probed->ring_error};
	if (probed->ring_error == EPERM || probed->ring_error == EACCES)
		snprintf(fact->why, sizeof fact->why,
			 "the agent does not have CAP_NET_RAW, which packet rings need");
	else if (probed->ring_error)
		snprintf(fact->why, sizeof fact->why, "a packet ring fails: %s",
			 errno_name(probed->ring_error));
	else
		snprintf(fact->why, sizeof fact->why,
			 "packet rings work here, for Ethernet frames");
	if (!fact->available)
		return;
	if (probed->ring_train_error == ENETDOWN)
		add_fact(fact, "loopback is down: trains were not tried");
	else if (probed->ring_train_error)
		add_fact(fact, "PACKET_VNET_HDR: no trains (%s)",
			 errno_name(probed->ring_train_error));
	else
		add_fact(fact, "PACKET_VNET_HDR: trains of UDP frames");
}

static void fill_copy(const struct engine_probed *probed, struct engine_fact *fact)
{
	*fact = (struct engine_fact){.kind = PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_COPY,
				     .available = true,
				     .why = "sendmmsg works everywhere"};
	add_trains(probed, fact);
	add_raw_ip(probed, fact);
}

static void fill_all(void)
{
	const struct engine_probed *probed = engine_probed();
	fill_splice(probed, &facts[0]);
	fill_ring(probed, &facts[1]);
	fill_copy(probed, &facts[2]);
	fill_zerocopy(probed, &facts[3]);
	fill_uring(probed, &facts[4]);
}

const struct engine_fact *engine_facts(void)
{
	pthread_once(&once, fill_all);
	return facts;
}

const struct engine_fact *engine_facts_find(Pagecast__V1__EngineKind kind)
{
	const struct engine_fact *all = engine_facts();
	for (size_t i = 0; i < ENGINE_KINDS; i++)
		if (all[i].kind == kind)
			return &all[i];
	return NULL;
}
