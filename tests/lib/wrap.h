/*
 * wrap: packets built from the inside out: a transport header, an IP packet around it, then any of
 * the encapsulations that the walker opens. For tests that ask whether a destination is seen
 * whatever stands before it. The caller's numbers decide everything, so that a seed repeats it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WRAP_BYTES = 4096, WRAP_ADDRESSES_MAX = 64 };

struct wrap {
	uint8_t bytes[WRAP_BYTES]; /* the packet is the last [WRAP_BYTES - at] of them */
	size_t at;
	uint16_t type; /* EtherType of what it begins with; 0: it has none */
	int protocol;  /* IP protocol of it; -1: it has none */
	int layers;    /* Ethernet and IP headers so far */
};

/* The addresses that outer headers get; IPv4 and IPv6 each. */
struct wrap_addresses {
	uint8_t from4[4], to4[4], from6[16], to6[16];
};

/** wrap_inner() - begin with an IP packet: UDP or TCP to @port at @to
 * @v6: addresses are [16], else [4] */
void wrap_inner(struct wrap *wrap, bool v6, const uint8_t *from, const uint8_t *to,
		uint8_t protocol, uint16_t port);

/** wrap_quote() - make the packet one that an ICMP error quotes: its destination is none any more
 */
bool wrap_quote(struct wrap *wrap);

/** wrap_count() - how many kinds of wrapping there are */
size_t wrap_count(void);
/** wrap_name() - of one of them */
const char *wrap_name(size_t kind);

/**
 * wrap_apply() - put @kind around the packet
 * @detail: any number: labels, flags, lengths of options
 *
 * Return: true; false, and nothing changed, where that kind cannot carry what the packet begins
 * with or there is no room.
 */
bool wrap_apply(struct wrap *wrap, size_t kind, const struct wrap_addresses *outer,
		uint32_t detail);

/** wrap_ip() - make it an IP packet: an outer header where it begins with something else. False:
 * it begins with neither IP nor what IP carries */
bool wrap_ip(struct wrap *wrap, bool v6, const struct wrap_addresses *outer);
/** wrap_frame() - make it a frame to @mac: [6] */
bool wrap_frame(struct wrap *wrap, const uint8_t *mac, const struct wrap_addresses *outer);

static inline const uint8_t *wrap_bytes(const struct wrap *wrap)
{
	return wrap->bytes + wrap->at;
}

static inline size_t wrap_len(const struct wrap *wrap)
{
	return WRAP_BYTES - wrap->at;
}
