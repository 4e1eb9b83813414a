/*
 * engine_private: the structs that the engines share behind engine.h. A new engine is a file with
 * its ops, and a row in engine_table.c.
 *
 * An engine embeds struct engine and struct flow as the first member of its own structs; engine.c
 * allocates and zeroes ops->engine_bytes and ops->flow_bytes. What goes over a connected socket
 * (UDP and raw IP) opens it by flow_open_socket() and asks flow_fault() what an errno means.
 */
#pragma once
#include "engine/engine.h"
#include "net/link.h"

#include <netinet/in.h>

/* Of each socket: some 60 trains under way; the default holds three. */
enum { ENGINE_SEND_BUFFER_BYTES = 4 << 20 };

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
	/** flow_init() - descriptor, limits, path. Return: 0; negative errno, with a problem */
	int (*flow_init)(struct flow *flow, const char *field, struct problem_set *problems);
	/** flow_deinit() - also after a flow_init() that failed; the socket is closed afterwards */
	void (*flow_deinit)(struct flow *flow);
	/** fillings(), let_go() - as flow_fillings(), flow_let_go(); NULL: 1, and never */
	uint32_t (*fillings)(const struct flow *flow);
	bool (*let_go)(struct flow *flow, uint32_t slot);
	/** late() - what the kernel says of sends afterwards, beside the error queue; or NULL */
	void (*late)(struct flow *flow, struct engine_counters *counters);
	/** load() - flow->trains is new, or NULL. Return: 0; negative errno */
	int (*load)(struct flow *flow);
	/** send() - as flow_send(); *ret_result is DONE and zero when called */
	void (*send)(struct flow *flow, struct train_cursor *cursor, uint64_t packets_max,
		     struct engine_result *result, struct engine_counters *counters);
};

struct engine {
	const struct engine_ops *ops;
	Pagecast__V1__PageLayout layout;
	uint32_t page_offset; /* PAGE_PER_PACKET */
	uint32_t huge_flows;  /* flows that were allowed a huge page: see HUGE_FLOWS_MAX */
	struct link link;     /* asked about last, index 0: none; the flows of a job, opened one
				 after another, mostly leave by one */
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
	uint16_t source_port;	     /* that it is bound to; 0: the kernel's choice */
	struct train_limits limits;
	uint32_t segment_now;	 /* UDP_SEGMENT in force on the socket; 0: none */
	bool segments_in_kernel; /* a known device without tx-udp-segmentation: see flow_fault() */
	bool here;		 /* the destination is an address of this host */
	bool sums_in_kernel;	 /* a known device without UDP checksums: the kernel writes them */
	int full_error;		 /* of the last FULL; 0 after a send */
	uint32_t full_count;	 /* FULLs in a row */
	int room_fd; /* readable when there may be room; -1: the socket is writable then */
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} local;			  /* after connect: who "this host itself" is */
	char next_hop[64];		  /* for "no ARP answer from …"; may be empty */
	struct flow_async_errors pending; /* read, not yet asked for */
	struct flow_completions completions;
	struct engine_counters owed; /* of flow_load(), counted with the next flow_send() */
	struct engine_path path;
};

enum flow_fault {	      /* what an errno of a send means; see engine_fault.h */
		  FLOW_RETRY, /* nothing was consumed: the same call again */
		  FLOW_ROOM,  /* FULL */
		  FLOW_RECUT, /* the flow's limits got tighter: cut the packets at the cursor again
			       */
		  FLOW_REFUSED, /* for good: skip the piece */
};
