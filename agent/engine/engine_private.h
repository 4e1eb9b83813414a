/*
 * engine_private: what the engines share behind engine.h. A new engine is a file with its ops, and
 * a row in the table of engine.c.
 *
 * An engine embeds struct engine and struct flow as the first member of its own structs; engine.c
 * allocates and zeroes ops->engine_bytes and ops->flow_bytes. What goes over a connected socket
 * (UDP and raw IP) opens it by flow_open_socket() and asks flow_fault() what an errno means.
 */
#pragma once
#include "engine/engine.h"

#include <netinet/in.h>

struct engine_ops {
	Pagecast__V1__EngineKind kind;
	const char *name; /* as a user writes it: "SPLICE" */
	size_t engine_bytes, flow_bytes;
	bool page_per_packet; /* knows this layout */

	/** serves() - NULL: sends to this destination; else why not, a static sentence */
	const char *(*serves)(const struct plan_destination *destination);
	/** init() - pipes, rings. Return: 0; negative errno: nothing is left behind */
	int (*init)(struct engine *engine, const struct plan *plan);
	void (*deinit)(struct engine *engine);
	/** flow_init() - descriptor, limits, path, why, copies. Return: 0; negative errno, told */
	int (*flow_init)(struct flow *flow, const char *field, struct problem_set *problems);
	/** flow_deinit() - also after a flow_init() that failed; the socket is closed afterwards */
	void (*flow_deinit)(struct flow *flow);
	/** load() - flow->trains is new, or NULL. Return: 0; negative errno */
	int (*load)(struct flow *flow);
	/** send() - as flow_send(); *ret_result is DONE and zero when called */
	void (*send)(struct flow *flow, struct train_cursor *cursor, uint64_t packets_max,
		     struct engine_result *result, struct engine_counters *counters);
};

extern const struct engine_ops engine_splice_ops;
extern const struct engine_ops engine_copy_ops;
extern const struct engine_ops engine_zerocopy_ops;
extern const struct engine_ops engine_txring_ops;

struct engine {
	const struct engine_ops *ops;
	Pagecast__V1__PageLayout layout;
	uint32_t page_offset; /* PAGE_PER_PACKET */
	uint32_t huge_flows;  /* flows that were allowed a huge page: see HUGE_FLOWS_MAX */
};

struct flow_completions { /* of MSG_ZEROCOPY; both counts wrap */
	uint32_t begun;	  /* sends that will complete, counted by the engine */
	uint32_t done; /* read from the error queue; may run ahead of begun: a send that failed late
			  completes too */
	bool copied;   /* the kernel said of one that it copied */
};

struct flow {
	struct engine *engine;
	const struct plan_stream *stream;
	const struct trains *trains; /* loaded; borrowed */
	int fd;			     /* connected, O_NONBLOCK; -1: none */
	struct train_limits limits;
	uint32_t segment_now;	 /* UDP_SEGMENT in force on the socket; 0: none */
	bool segments_in_kernel; /* a known device without tx-udp-segmentation: see flow_fault() */
	bool sums_in_kernel;	 /* a known device without UDP checksums: the kernel writes them */
	int full_error;		 /* of the last FULL; 0 after a send */
	uint32_t full_count;	 /* FULLs in a row */
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} local;			  /* after connect: who "this host itself" is */
	char next_hop[64];		  /* for "no ARP answer from …"; may be empty */
	struct flow_async_errors pending; /* read, not yet asked for */
	struct flow_completions completions;
	struct engine_counters owed; /* of flow_load(), told with the next flow_send() */
	Pagecast__V1__KernelCopies copies;
	char path[160];
	char why[200];
};

/* ---- engine_socket.c: the connected socket of a UDP or raw IP flow ---- */

/** flow_open_socket() - socket, bind, connect, options; fills fd, limits, local, copies, why.
 * Return: 0; negative errno, told in @problems with @field */
int flow_open_socket(struct flow *flow, const char *field, struct problem_set *problems);
/** flow_path_mtu_payload() - longest datagram that leaves unfragmented now, asked of the socket */
uint32_t flow_path_mtu_payload(const struct flow *flow);

/** flow_at_full_speed() - true when at least @packets of the stream leave as fast as they can */
bool flow_at_full_speed(const struct flow *flow, uint64_t packets);

/* ---- engine_fault.c: what an errno of a send means, and what was said afterwards ---- */

enum flow_fault {
	FLOW_RETRY,   /* nothing was consumed: the same call again */
	FLOW_ROOM,    /* FULL */
	FLOW_RECUT,   /* the flow's limits got tighter: cut the packets at the cursor anew */
	FLOW_REFUSED, /* for good: skip the piece */
};
/* A call that was interrupted or met a pending soft error is made again so many times at most: each
 * is used up by the call that reports it, so more in a row is an answer. */
enum { FLOW_RETRIES_MAX = 16 };

/**
 * flow_fault() - decide
 * @piece: what was to leave in this call
 * @error: positive errno
 * @tries: how often this call was made before, 0 the first time
 */
enum flow_fault flow_fault(struct flow *flow, const struct train *piece, int error,
			   unsigned int tries, struct engine_counters *counters);

/** flow_read_error() - read one entry of the error queue into flow->pending or flow->completions.
 * Return: 1 counted as an asynchronous error; 0 not; negative errno: the queue is empty */
int flow_read_error(struct flow *flow, struct engine_counters *counters);
/** flow_read_errors() - read them all. Return: how many counted */
uint64_t flow_read_errors(struct flow *flow, struct engine_counters *counters);

/* ---- engine.c: cutting ---- */

/** flow_next_piece() - what one call may take at @cursor: a (part of a) train, or one packet */
struct train flow_next_piece(const struct flow *flow, const struct train_cursor *cursor,
			     uint64_t packets_max);
/** flow_segment() - make UDP_SEGMENT fit @piece. Return: 0; negative errno */
int flow_segment(struct flow *flow, const struct train *piece, struct engine_counters *counters);
/** flow_segment_fits() - true when flow_segment() has nothing to do */
bool flow_segment_fits(const struct flow *flow, const struct train *piece);
/** flow_sent() - book @piece as taken by the kernel */
void flow_sent(struct flow *flow, struct train_cursor *cursor, const struct train *piece,
	       struct engine_result *result);
/** flow_stopped() - end a call by FULL or REFUSED of @piece at @cursor */
void flow_stopped(struct flow *flow, struct train_cursor *cursor, const struct train *piece,
		  enum flow_fault fault, int error, struct engine_result *result);

/* ---- engine_probe.c ---- */

struct engine_probed {
	int vmsplice_error;	   /* positive errno: vmsplice, splice or tee is not to be had; 0 */
	bool pipe_by_reference;	   /* a byte changed after vmsplice shows in the pipe */
	bool udp_tried;		   /* loopback was up */
	int udp_error;		   /* positive errno of splice to UDP; 0 */
	bool udp_by_reference;	   /* a byte changed after splice shows at the receiver */
	bool odd_sum_wrong;	   /* a software checksum is wrong behind an odd piece of a page */
	bool sum_copies;	   /* what is summed in software is copied */
	uint32_t segments_max;	   /* in one train: 128, 64, or 1 */
	int segment_error;	   /* why not, positive errno */
	uint32_t pipe_slots;	   /* of a pipe as the engines make it */
	bool net_raw;		   /* raw sockets may be opened */
	int ring_error;		   /* positive errno: no packet ring; 0 */
	int ring_train_error;	   /* positive errno: it takes no train (ENETDOWN: not tried); 0 */
	int zerocopy_error;	   /* positive errno: MSG_ZEROCOPY is not to be had; 0 */
	bool zerocopy_copied;	   /* on loopback, which all kernels do so far */
	bool zerocopy_completed;   /* the error queue told of it */
	uint64_t locked_bytes_max; /* RLIMIT_MEMLOCK; UINT64_MAX: no limit, or CAP_IPC_LOCK */
	int64_t handover_ns;
};
const struct engine_probed *engine_probed(void);

/** engine_probe_ring() - open a packet ring on loopback, hand over a train for nobody. Return: 0
 * with *ret_train_error (0, or a positive errno); negative errno: no ring */
int engine_probe_ring(int *ret_train_error);
