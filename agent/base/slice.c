/* slice: see slice.h. */
#include "base/slice.h"

#include "base/clock.h"

#include <sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The shortest slice that the kernel accepts for SCHED_OTHER. */
#define SLICE_NS (100 * CLOCK_NS_PER_US)

/* The kernel's struct sched_attr in its first version; glibc has it from 2.41 on. */
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime_ns, deadline_ns, period_ns;
};

void slice_ask_short(void)
{
	struct attributes now = {.size = sizeof now};
	if (syscall(SYS_sched_getattr, 0, &now, sizeof now, 0) < 0 || now.policy != SCHED_OTHER)
		return;
	now.size = sizeof now;
	now.runtime_ns = SLICE_NS; /* policy and nice value are kept */
	syscall(SYS_sched_setattr, 0, &now, 0);
}
