/*
 * connection: what the server knows of one connection beside libmicrohttpd, and the reaper that
 * ends those past their time.
 *
 * libmicrohttpd only knows a timeout of inactivity, which a byte every few seconds outlives. Here
 * every phase of a connection has an absolute deadline; one thread looks every LIMIT_REAP_MS, and
 * only while there are connections, and shuts late sockets down, which the library then sees as an
 * end. Sockets are closed by the library alone, after connection_free() took them off the list, so
 * that the reaper can't hit a number that was used again.
 *
 * A refused body is not read; closing at once would send a reset that may overtake the answer. For
 * such a connection the reaper keeps a second descriptor for up to LIMIT_LINGER_MS and throws away
 * what still comes.
 */
#pragma once
#include "pagecast/agent.h"
#include "pagecast/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

struct reaper;
struct tls_session;

struct connection {
	struct connection *next, *previous; /* the reaper's list, under its lock */
	struct reaper *reaper;
	int fd;			     /* the library's; valid until connection_free() */
	int linger_fd;		     /* -1, or a second descriptor of the socket; owned */
	_Atomic int64_t deadline_ms; /* writer: HTTP thread, pool; reader: reaper; relaxed */
	_Atomic bool reading;	     /* what happens next is the client's to send; as deadline_ms */
	bool in_head; /* the HTTP thread's: the request line is there, the head not yet */
	bool is_unix;
	bool uid_known; /* unix only */
	uid_t uid;
	struct tls_session *tls;	/* owned; NULL: in clear */
	struct sockaddr_storage local;	/* the address that was connected to; TCP only */
	struct sockaddr_storage remote; /* and from where; TCP only */
	char peer[80];			/* "127.0.0.1:51234", "unix" */
	char principal[32]; /* by the socket alone: "local", "uid:1000"; "": not known */
};

int reaper_start(struct reaper **ret_reaper, struct error *ret_error);
/** reaper_stop() - after the last connection is gone. Return: NULL */
struct reaper *reaper_stop(struct reaper *reaper);

/** connection_new() - a connection was accepted; its head is due. Return: NULL out of memory */
struct connection *connection_new(struct reaper *reaper, int fd);
void connection_free(struct connection *connection);

/** connection_due() - the present phase must have ended @in_ms from now; INT64_MAX: no limit */
void connection_due(struct connection *connection, int64_t in_ms);

/**
 * connection_reading() - is it the client's turn?
 *
 * While it is, a client that has shut down its sending side has nothing more to say, and its
 * connection ends within LIMIT_REAP_MS; libmicrohttpd would notice at the deadline only. One that
 * waits for an answer gets it first.
 */
void connection_reading(struct connection *connection, bool reading);

/** connection_write() - a few bytes past the library, which is about to end the connection; what
 * does not fit into the socket's buffer is lost. HTTP thread */
void connection_write(struct connection *connection, const char *text, size_t len);

/** connection_linger() - after the end, read and discard what the client still sends */
void connection_linger(struct connection *connection);
