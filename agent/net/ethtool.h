/* ethtool: what a device says of itself, for link.h. */
#pragma once
#include "net/link.h"

/** ethtool_fill() - driver, speed, scatter_gather and udp_segmentation of link->name; what the
 * device does not say stays as it is (unknown). @fd: any datagram socket, borrowed */
void ethtool_fill(int fd, struct link *link);
