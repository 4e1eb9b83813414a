/* ethtool: the properties that only a network device knows itself. Any thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { ETHTOOL_DRIVER_BYTES = 32 };

struct ethtool { /* as in struct link */
	char driver[ETHTOOL_DRIVER_BYTES];
	uint64_t speed_bps;
	bool scatter_gather;
	bool udp_segmentation;
	bool checksum4, checksum6;
};

/** ethtool_read() - ask the device of the interface @name; a property that it does not report is 0,
 * false or "". @fd: any datagram socket, borrowed */
void ethtool_read(int fd, const char *name, struct ethtool *ret_device);
