/* udp_bound: is a UDP socket of this host bound to an address? By /proc/net/udp; any thread. */
#pragma once
#include "net/net_ip.h"

/** udp_bound() - is one bound to @to, or to its port on all addresses? False where the kernel does
 * not tell */
bool udp_bound(const struct sockaddr *to);
