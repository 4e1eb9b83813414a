/*
 * walk_header: what a walk through a packet has reached, and the helpers that the parsers of single
 * headers share. Users include packet/walk.h; this is the part that the parsers include too.
 *
 * A parser is called with the first bytes of its header, at least as many as the table in walk.c
 * states. It sets the header's length and the next kind, collects addresses and ports, or ends the
 * walk. No parser reads behind `room`; none allocates; none calls another walk. Thread: any.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum walk_kind {
	WALK_NOTHING, /* a leaf: what follows is not opened */
	WALK_ETHERNET,
	WALK_VLAN,
	WALK_BACKBONE, /* 802.1ah I-TAG; an Ethernet header follows */
	WALK_LLC,      /* with SNAP where it has one */
	WALK_MACSEC,
	WALK_PPPOE,
	WALK_PPP,
	WALK_MPLS, /* one label; with the control word of a pseudowire behind the last */
	WALK_NSH,
	WALK_ETHERIP,
	WALK_ERSPAN2,
	WALK_ERSPAN3,
	WALK_ARP,
	WALK_IP, /* by its version; reported as one of the next two */
	WALK_IPV4,
	WALK_IPV6,
	WALK_IPV6_OPTIONS, /* hop-by-hop and destination options */
	WALK_IPV6_ROUTING,
	WALK_IPV6_FRAGMENT,
	WALK_IPV6_EXTENSION, /* mobility, HIP, shim6: passed over */
	WALK_AH,
	WALK_ESP,
	WALK_IPCOMP,
	WALK_MINIMAL, /* RFC 2004: the destination of a packet, moved behind its IP header */
	WALK_GRE,
	WALK_UDP, /* UDP-Lite too */
	WALK_TCP,
	WALK_PORTS, /* SCTP, DCCP: two ports */
	WALK_ICMPV6,
	WALK_VXLAN,
	WALK_VXLAN_GPE,
	WALK_GENEVE,
	WALK_GTPU,
	WALK_TEREDO, /* its authentication and origin; an IPv6 header follows */
	WALK_KINDS,
};

enum {
	WALK_BYTES_MAX = 2048,	  /* of a packet that are looked at; headers are far shorter */
	WALK_LOOK_AHEAD = 320,	  /* where fewer bytes of a packet are there, a leaf is not sure:
				     Geneve has up to 260 before the inner header */
	WALK_LAYERS_MAX = 8,	  /* Ethernet and IP headers inside one another */
	WALK_HEADERS_MAX = 64,	  /* tags, labels and extension headers counted too */
	WALK_ADDRESSES_MAX = 128, /* of one header: a whole IPv6 routing header has 127 */
	WALK_VLAN_TYPES_MAX = 4,
};

/* Why a walk ended. All but WALK_LEAF: an encapsulation whose inside stays unjudged. */
enum walk_end {
	WALK_LEAF,	/* everything known was opened */
	WALK_CUT,	/* the bytes end inside a header */
	WALK_MALFORMED, /* a header contradicts its format */
	WALK_HIDDEN,	/* encrypted or compressed */
	WALK_DEEP,	/* more layers, headers or addresses than the maximum */
	WALK_PIECE,	/* a later fragment of an encapsulation: its header is in another packet */
	WALK_AMBIGUOUS, /* can be read in two ways, or in one that is not known */
};

struct walk_header {
	enum walk_kind kind;
	uint32_t offset, len; /* bytes; of a header that is cut, what it claims */
	uint32_t layer;	      /* Ethernet and IP headers up to here, this one included */
};

struct walk_address {
	int family;	   /* AF_INET, AF_INET6 */
	bool target;	   /* a destination; else a source, or a sender in ARP and ND */
	uint8_t bytes[16]; /* 4 of them for AF_INET */
};

struct walk {
	const uint8_t *bytes;			  /* [len], borrowed */
	size_t len;				  /* bytes that are there */
	size_t total;				  /* bytes of the whole packet, >= len */
	uint16_t vlan_types[WALK_VLAN_TYPES_MAX]; /* set after the start: VLAN types beside the
						     known ones; 0: unused */
	/* Of the header that walk_next() reached last: */
	struct walk_header header;
	const uint8_t *mac; /* [6] destination of an Ethernet header; else NULL */
	bool has_ports;
	uint16_t source_port, target_port;
	size_t address_count; /* in addresses, at the end */
	/* Once walk_next() returned false: */
	enum walk_end end;
	enum walk_kind end_kind; /* of the header that ended it */
	size_t end_at;		 /* its offset */
	/* Between two calls: */
	enum walk_kind next;
	size_t at;
	uint32_t layer, headers;
	bool first_fragment;			/* the rest of the packet is in later fragments */
	const uint8_t *ipv6_from, *ipv6_target; /* [16] of the last IPv6 header; NULL: none */
	struct walk_address addresses[WALK_ADDRESSES_MAX]; /* [address_count] are valid */
};

static inline uint16_t walk_u16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/** walk_add_address() - collect an address of the current header; ends the walk if there are too
 * many */
void walk_add_address(struct walk *walk, int family, bool target, const uint8_t *bytes);

/** walk_stop() - end the walk at the current header, which is still reported */
void walk_stop(struct walk *walk, enum walk_end end);

/** walk_take() - set the length of the current header. Return: true; false: cut, the walk ends */
bool walk_take(struct walk *walk, size_t len, size_t room);

/** walk_kind_name() - "IPv6 routing header"; a static string */
const char *walk_kind_name(enum walk_kind kind);
