/*
 * link_watch: what changes about interfaces and addresses, as the kernel announces it. Thread: one
 * a watch; needs no privilege.
 */
#pragma once
#include "net/link.h"
#include "net/local_address.h"

enum link_change_kind { LINK_CHANGED, LINK_GONE, ADDRESS_ADDED, ADDRESS_GONE };

struct link_change {
	enum link_change_kind kind;
	uint32_t ifindex;
	struct link link; /* LINK_…: as it is now, or was; as link_basics() */
	union net_ip ip;  /* ADDRESS_… */
};

/** link_watch_open() - Return: 0 with *ret_fd, which poll() finds readable when there is something
 * and close() closes; negative errno */
int link_watch_open(int *ret_fd);

/**
 * link_watch_read() - hand every change that was announced since the last call to @each
 *
 * After a loss (more at once than the kernel keeps) each interface is handed over as it is now.
 * Return: 0; negative errno: the watch is of no more use.
 */
int link_watch_read(int fd, void (*each)(void *context, const struct link_change *change),
		    void *context);
