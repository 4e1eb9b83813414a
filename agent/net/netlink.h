/*
 * netlink: a request to rtnetlink and its answer, by libmnl. Thread: any.
 *
 * Each request has a socket of its own, connected to the kernel, so that no other sender is heard;
 * but a thread that asks often may keep one.
 * A function takes the messages of the answer one by one. libmnl bounds every message and attribute
 * by the bytes that were received.
 */
#pragma once
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	NETLINK_REQUEST_BYTES = 256,   /* the longest request is a route look-up, about 100 B */
	NETLINK_ANSWER_BYTES = 65536,  /* the kernel fills 32 KiB of a dump at most */
	NETLINK_DUMP_ATTEMPTS_MAX = 5, /* a dump is repeated if the table changed meanwhile */
	NETLINK_TIMEOUT_MS = 1000,
	NETLINK_LIST_MAX = 65536, /* links or addresses of a host */
};

struct netlink_request {
	union {
		struct nlmsghdr header;
		uint8_t bytes[NETLINK_REQUEST_BYTES];
	};
};

/** netlink_begin() - a message of @type with NLM_F_REQUEST | @flags and room for the fixed part of
 * @fixed_bytes, zeroed. Return: the fixed part, inside @request */
void *netlink_begin(struct netlink_request *request, uint16_t type, uint16_t flags,
		    size_t fixed_bytes);

/** netlink_add() - append an attribute; the sum of all fits NETLINK_REQUEST_BYTES (asserted) */
void netlink_add(struct netlink_request *request, uint16_t type, const void *data, size_t len);

/** A function that takes a message of the answer. Return: 0 continue; negative errno, which ends
 * the call */
typedef int netlink_each(const struct nlmsghdr *message, void *context);

/**
 * netlink_ask() - send @request, hand each message of the answer to @each
 * @restart: for dumps: discard what was collected, the answer starts again; NULL: not a dump
 *
 * Return: 0; -ETIMEDOUT: no answer within NETLINK_TIMEOUT_MS; -EAGAIN: the table kept changing;
 * -EBADMSG: a malformed answer; the kernel's own negative errno.
 */
int netlink_ask(const struct netlink_request *request, netlink_each *each,
		void (*restart)(void *context), void *context);

/** netlink_keep_socket() - from now on the calling thread uses one socket for all that it asks, in
 * the network namespace of the first request; false: no more, it is closed */
void netlink_keep_socket(bool keep);

/** netlink_fixed() - the fixed part of @message, NULL when it is shorter than @fixed_bytes */
const void *netlink_fixed(const struct nlmsghdr *message, size_t fixed_bytes);

struct netlink_attribute {
	const void *data; /* NULL: absent. May be misaligned: use memcpy() */
	size_t len;
};

/** netlink_attributes() - the attributes of types 0 .. @max behind the fixed part; ret is [max + 1]
 * and the last one of a type wins */
void netlink_attributes(const struct nlmsghdr *message, size_t fixed_bytes,
			struct netlink_attribute *ret, uint16_t max);
/** netlink_nested() - the same inside an attribute */
void netlink_nested(struct netlink_attribute outer, struct netlink_attribute *ret, uint16_t max);

/** netlink_u32() - value of a 4-byte attribute. Return: false where it is missing or of another
 * length */
bool netlink_u32(struct netlink_attribute attribute, uint32_t *ret_value);

/* The elements collected from a dump. */
struct netlink_list {
	void *elements; /* [count], owned by the caller */
	size_t count, room;
};

/** netlink_list_add() - append a copy of @element. Return: 0; -ENOMEM; -EOVERFLOW: the list holds
 * NETLINK_LIST_MAX */
int netlink_list_add(struct netlink_list *list, const void *element, size_t element_bytes);
/** netlink_list_restart() - discard the elements; fits @restart of netlink_ask() */
void netlink_list_restart(void *list);
