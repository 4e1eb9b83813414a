/*
 * engine_probe: what this machine can do, found out once at start by trying it, never by kernel
 * version. engine_facts.h has it in words.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct engine_probed {
	int vmsplice_error;	 /* positive errno: vmsplice, splice or tee does not work; 0 */
	bool pipe_by_reference;	 /* a byte changed after vmsplice shows in the pipe */
	bool udp_tried;		 /* loopback was up */
	int udp_error;		 /* positive errno of splice to UDP; 0 */
	bool udp_by_reference;	 /* a byte changed after splice shows at the receiver */
	bool odd_sum_wrong;	 /* a software checksum is wrong behind an odd piece of a page */
	bool sum_copies;	 /* what is summed in software is copied */
	uint32_t segments_max;	 /* in one train: 128, 64, or 1 */
	int segment_error;	 /* why not, positive errno */
	uint32_t pipe_slots;	 /* of a pipe as the engines make it */
	bool net_raw;		 /* raw sockets may be opened */
	int ring_error;		 /* positive errno: no packet ring; 0 */
	int ring_train_error;	 /* positive errno: it takes no train (ENETDOWN: not tried); 0 */
	int zerocopy_error;	 /* positive errno: MSG_ZEROCOPY does not work; 0 */
	bool zerocopy_copied;	 /* on loopback, which all kernels do so far */
	bool zerocopy_completed; /* the error queue reported it */
	uint64_t lockable_bytes; /* RLIMIT_MEMLOCK; UINT64_MAX: no limit, or CAP_IPC_LOCK */
	int uring_error;	 /* positive errno: no zero-copy send by io_uring; 0 */
	bool uring_reports;	 /* its notifications say whether the kernel copied */
	bool uring_notified;	 /* one came back on loopback */
	bool uring_copied;	 /* and said that the kernel copied */
	int64_t handover_ns;
};

/** engine_probe() - try everything on loopback; bounded to 100 ms. Runs once: a second call, from
 * any thread, returns at once */
void engine_probe(void);

/** engine_probed() - the results, probing first where nobody did; static. Thread: any */
const struct engine_probed *engine_probed(void);

/** engine_handover_ns() - what handing over one datagram costs here, as the probe saw it */
int64_t engine_handover_ns(void);
