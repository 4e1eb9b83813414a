/*
 * engine_path: how the packets of a flow reach the kernel, as data. engine_words.h puts it into
 * words; nothing reads those words back. Plain values. Thread: any.
 */
#pragma once
#include "packet/plan.h"
#include "pagecast/v1/job.pb-c.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

enum engine_method { /* the system calls that packets leave by */
		     ENGINE_METHOD_NONE,
		     ENGINE_METHOD_SEND_EMPTY,	/* send(): the stream has empty datagrams only */
		     ENGINE_METHOD_SPLICE,	/* vmsplice() and splice(), packed pages */
		     ENGINE_METHOD_SPLICE_PAGE, /* the same, a page a packet */
		     ENGINE_METHOD_SENDMMSG,
		     ENGINE_METHOD_ZEROCOPY, /* send() with MSG_ZEROCOPY */
		     ENGINE_METHOD_RING,     /* PACKET_TX_RING */
		     ENGINE_METHOD_URING,    /* io_uring, IORING_OP_SEND_ZC */
};

enum engine_tee { /* of a template in a pipe of its own; ENGINE_METHOD_SPLICE */
		  ENGINE_TEE_NONE,
		  ENGINE_TEE_USED,
		  ENGINE_TEE_AT_FIRST, /* until the template's pipe was given up */
};

enum engine_reason_kind { /* why this path; the last one found */
			  ENGINE_REASON_NONE,
			  ENGINE_REASON_COPY_ENGINE,
			  ENGINE_REASON_RAW_SOCKET,
			  ENGINE_REASON_PIPE_AND_RAW_SOCKET, /* this kernel copies into a pipe too
							      */
			  ENGINE_REASON_SPLICE_COPIES,	     /* this kernel, UDP */
			  ENGINE_REASON_CHECKSUM_COPIES,     /* the device writes none */
			  ENGINE_REASON_FRAGMENTS_COPIED,    /* for their checksums */
			  ENGINE_REASON_ZEROCOPY_COPIES,     /* the kernel reported it */
			  ENGINE_REASON_ZEROCOPY_NO_MEMORY,  /* that may be locked */
			  ENGINE_REASON_ZEROCOPY_REFUSED,    /* error */
			  ENGINE_REASON_URING_NO_MEMORY,     /* that may be locked */
			  ENGINE_REASON_LOCAL_RECEIVER,
			  ENGINE_REASON_LONE_FRAMES_COPIED,
			  ENGINE_REASON_NO_SCATTER_GATHER, /* interface */
			  ENGINE_REASON_NO_SEGMENTATION,   /* interface */
			  ENGINE_REASON_PATH_SHORTER,	   /* bytes */
			  ENGINE_REASON_TRAIN_REFUSED,	   /* error */
};

struct engine_reason {
	enum engine_reason_kind kind;
	int error;	/* positive errno */
	uint32_t bytes; /* of payload that the path takes in one packet */
	char interface[IF_NAMESIZE];
};

struct engine_path {
	enum engine_method method;
	enum plan_kind kind; /* UDP, raw IP or Ethernet */
	enum engine_tee tee;
	bool some_empty;	/* beside others, by send() */
	bool paced;		/* train_packets is what left together at the stream's rate... */
	bool unrated;		/* ...or, without one, as its max_back_to_back asks */
	bool whole;		/* trains are cut behind the taps: captures see one datagram */
	uint32_t train_packets; /* of the longest train; up to 1: packets leave one by one */
	uint32_t call_packets;	/* ENGINE_METHOD_SENDMMSG, _URING: lone packets a call */
	Pagecast__V1__KernelCopies copies;
	struct engine_reason reason;
};

/** engine_path_same() - the packets of both leave alike; copies and reasons may differ */
static inline bool engine_path_same(const struct engine_path *a, const struct engine_path *b)
{
	return a->method == b->method && a->kind == b->kind && a->tee == b->tee &&
	       a->some_empty == b->some_empty && a->paced == b->paced &&
	       a->train_packets == b->train_packets;
}

/**
 * engine_path_pace() - at a rate, trains leave in shorter pieces than they are packed in
 * @together: the most packets that leave, or left, at once; 0: not known, nothing changes
 */
static inline void engine_path_pace(struct engine_path *path, uint32_t together)
{
	if (!together || path->train_packets <= together)
		return;
	path->train_packets = together;
	path->paced = true;
}
