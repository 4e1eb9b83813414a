/* ethtool: what a device says of itself, for net; see net.h. */
#pragma once
#include "net/net.h"

/** ethtool_fill() - driver, speed, scatter_gather and udp_segmentation of link->name; what the
 * device does not say stays as it is (unknown). @fd: any datagram socket, borrowed */
void ethtool_fill(int fd, struct net_link *link);
