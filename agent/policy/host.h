/* host: the addresses of this host, which the policy compares with: sources of its own, and the
 * broadcast addresses of its networks. Read once for each judgement. Thread: any. */
#pragma once
#include "net/local_address.h"
#include "policy/network.h"

struct policy_host {
	struct local_address *addresses; /* [count], owned */
	size_t count;
};

/** policy_host_read() - ask the kernel. Return: 0; negative errno */
int policy_host_read(struct policy_host *ret_host);
void policy_host_deinit(struct policy_host *host);

/** policy_host_owns() - is @address one of the host's own? */
bool policy_host_owns(const struct policy_host *host, const struct ip_address *address);

/** policy_host_broadcasts() - is @address, IPv4, the broadcast address of one of the host's
 * networks, in the form with all ones or all zeros? */
bool policy_host_broadcasts(const struct policy_host *host, const struct ip_address *address);
