/*
 * plan: a JobSpec compiled: checked, defaults filled in, every payload's length known.
 *
 * plan_compile.h makes it; what comes after (packing, pacing, engines) reads the plan, never the
 * spec. Sizes in bytes, times in ns. An *item* is one
 * payload at one length, sent `repeat` times in a row; a *pass* is all items in turn, which is
 * where payloads and sizes are both at their start again.
 *
 * A small spec can name 256 MiB of payload, so an item's bytes are written when somebody asks for
 * them the first time (plan_bytes.h), into memory that costs nothing until then. Everything
 * else is immutable once compiled. Thread: what asks for bytes, one at a time; the rest, any.
 */
#pragma once
#include "net/net_ip.h"
#include "packet/modify.h"
#include "packet/stamp.h"
#include "pagecast/error.h"

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pagecast/v1/job_spec.pb-c.h"

enum {
	PLAN_STREAMS_MAX = 1024,
	PLAN_PAYLOADS_MAX = 65536, /* in all streams: what an item costs beside its bytes */
	PLAN_NAME_BYTES_MAX = 128,
	PLAN_LABELS_MAX = 64,
	PLAN_LABEL_KEY_BYTES_MAX = 63,
	PLAN_LABEL_VALUE_BYTES_MAX = 255,
	PLAN_PRIORITY_MAX = 100, /* and -100 */
	PLAN_VLANS_MAX = 4,	 /* two are in use (802.1ad); twice that for experiments */
	PLAN_PAGE_BYTES = 4096,
	PLAN_PAGE_OFFSET_DEFAULT = 64,
	PLAN_UDP4_PAYLOAD_MAX = 65507,
	PLAN_UDP6_PAYLOAD_MAX = 65527,
	PLAN_RAW4_PAYLOAD_MAX = 65515,
	PLAN_RAW6_PAYLOAD_MAX = 65535,
	PLAN_PACKET_BYTES_MAX = 65535, /* header_included: what an IPv4 length can say */
	PLAN_FRAME_BYTES_MIN = 14,
	PLAN_FRAME_BYTES_MAX = 65549, /* header and the longest IPv4 packet; the MTU is less */
};
/* All payload bytes of one plan together, generated ones too: the memory that a 4 MiB spec may
 * cost.
 */
#define PLAN_BYTES_MAX (UINT64_C(256) << 20)
/* Packets of one stream: all streams of a job added up stay below 2^63, and JSON readers that know
 * only doubles see each count exactly. At 50 million a second this is 5 years. */
#define PLAN_PACKETS_MAX	     (UINT64_C(1) << 53)
#define PLAN_HOLD_TIMEOUT_DEFAULT_NS INT64_C(30000000000)
/* Below this a packet leaves less than every 10 s: a job for each packet is the better tool. Above
 * the upper ends no clock resolves the gap; use "unlimited". */
#define PLAN_PPS_MIN 0.1
#define PLAN_PPS_MAX 1e9
#define PLAN_BPS_MAX UINT64_C(1000000000000000)

enum plan_kind { PLAN_UDP, PLAN_RAW_IP, PLAN_ETHERNET };

struct plan_destination {
	enum plan_kind kind;
	int family;	       /* AF_INET, AF_INET6; AF_PACKET for Ethernet */
	union net_ip to, from; /* with ports; from.any.sa_family AF_UNSPEC: the kernel's choice */
	char interface[IF_NAMESIZE]; /* a zone's too; empty: by route */
	uint8_t protocol;	     /* raw IP; header_included without one: 255 */
	uint8_t ttl;		     /* 0: the kernel's default */
	uint8_t dscp;		     /* 0 .. 63 */
	bool header_included;
	bool broadcast; /* set SO_BROADCAST: without it the kernel refuses each broadcast address,
			   directed ones too */
	bool multicast;
	bool dont_fragment;
	uint16_t vlan_types[PLAN_VLANS_MAX]; /* Ethernet: of the FrameHeader's tags; 0: unused */
	/* Ethernet: AF_UNSPEC, or the neighbour whose MAC plan_resolve() requests before the first
	 * frame leaves */
	union net_ip next_hop;
	char text[INET6_ADDRSTRLEN + IF_NAMESIZE +
		  16]; /* "127.0.0.1:9000", "[::1]:9", for messages */
};

struct plan_item {
	const uint8_t *bytes; /* plan_item_bytes(); NULL: not written yet */
	uint32_t len;	      /* 0 is an empty datagram */
	uint32_t repeat;      /* >= 1 */
	uint32_t source;      /* of build->sources, which items of one payload may share */
};

enum plan_rate_kind { PLAN_RATE_UNLIMITED, PLAN_RATE_PPS, PLAN_RATE_BPS, PLAN_RATE_LINE_PERCENT };

struct plan_rate {
	enum plan_rate_kind kind;
	double value;			/* pps, bits a second at layer, or percent of the line */
	Pagecast__V1__Layer layer;	/* never UNSPECIFIED */
	uint32_t max_back_to_back;	/* 0: the fewest that hold the rate */
	Pagecast__V1__CatchUp catch_up; /* never UNSPECIFIED, but in plans by hand: PROPORTIONAL */
};

enum plan_limit_kind { PLAN_LIMIT_PACKETS, PLAN_LIMIT_BYTES, PLAN_LIMIT_DURATION, PLAN_LIMIT_NONE };

struct plan_limit { /* loops and "one pass" become PLAN_LIMIT_PACKETS */
	enum plan_limit_kind kind;
	uint64_t packets; /* for BYTES too: worked out from the items */
	uint64_t bytes;
	int64_t duration_ns;
};

struct plan_burst {
	uint32_t packets; /* 0: no bursts */
	int64_t gap_ns;	  /* end of a burst to the start of the next */
};

/* A place in the endless sequence of passes. */
struct plan_cursor {
	size_t item;
	uint32_t repeat_done;
	uint64_t number; /* of the packet in its stream, from 0 */
};

struct stream_build; /* where an item's bytes come from */

struct plan_stream {
	char name[PLAN_NAME_BYTES_MAX + 1];
	struct plan_destination destination;
	struct plan_item *items; /* [item_count], item_count >= 1 */
	size_t item_count;
	struct stream_build *build;	   /* of the plan; NULL: items were given their bytes */
	uint64_t pass_packets, pass_bytes; /* of one pass */
	uint32_t len_max;		   /* longest item */
	bool one_len;			   /* all items are of one length */
	bool random_each;		   /* a payload's bytes are drawn anew for each packet */
	const struct modifier *modifiers;  /* [modifier_count], the build's */
	size_t modifier_count;
	struct stamp stamp; /* its id and epoch are set ahead of sending */
	struct plan_rate rate;
	struct plan_limit limit;
	struct plan_cursor
		first; /* packet: {0} unless the job goes on where it was (plan_skip()) */
	struct plan_burst burst;
	int64_t start_delay_ns;
	bool hold;	      /* it starts paused */
	uint16_t overhead_l3; /* bytes of headers the kernel adds before the payload up to L3 */
	uint16_t vlan_bytes;  /* Ethernet frames built from a FrameHeader: of their VLAN tags */
};

struct plan {
	struct plan_stream *streams; /* [stream_count] */
	size_t stream_count;
	Pagecast__V1__EngineKind engine;    /* UNSPECIFIED: auto */
	Pagecast__V1__PageLayout layout;    /* PACKED or PAGE_PER_PACKET */
	Pagecast__V1__FullPolicy when_full; /* WAIT or DROP */
	uint32_t page_offset;		    /* PAGE_PER_PACKET */
	int64_t max_duration_ns;	    /* 0: none */
	int64_t start_time_ns;		    /* CLOCK_REALTIME; 0: as soon as a worker is free */
	int64_t start_tolerance_ns;	    /* -1: none */
	bool hold;			    /* prepared, it waits for a start_time */
	int64_t hold_timeout_ns;	    /* how long; with hold */
	int64_t lease_ns;		    /* 0: none */
	int32_t priority;
	uint64_t bytes;		     /* of all items together */
	struct stream_build *builds; /* [stream_count], owned */
	uint8_t *memory;	     /* [bytes], owned; NULL in an outline */
	uint64_t memory_used;	     /* by the items written so far */
};

/** plan_kind_field() - the name of a kind of destination in a spec: "udp", "rawIp", "ethernet" */
const char *plan_kind_field(enum plan_kind kind);

/** plan_varies() - do packets differ from their item, by modifiers, a stamp or bytes drawn for
 * each? */
static inline bool plan_varies(const struct plan_stream *stream)
{
	return stream->modifier_count || stream->stamp.bytes || stream->random_each;
}

/**
 * plan_peek_run() - the packets that follow: @ret_count equal ones of *@ret_item, at most to the
 * end of the item's repeats. Never 0.
 */
void plan_peek_run(const struct plan_stream *stream, const struct plan_cursor *cursor,
		   const struct plan_item **ret_item, uint64_t *ret_count);
/** plan_advance() - move on by @count (<= what plan_peek_run() gave) */
void plan_advance(const struct plan_stream *stream, struct plan_cursor *cursor, uint64_t count);
/** plan_skip() - move on by any number of packets */
void plan_skip(const struct plan_stream *stream, struct plan_cursor *cursor, uint64_t count);
