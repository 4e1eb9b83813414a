/*
 * listen: the sockets that the server accepts on.
 *
 * A loopback address is reached by who has an account on this machine. Any other TCP address is
 * listened on only where callers must prove who they are, and in clear only where that was asked
 * for. Unix sockets
 * get mode 0660, or 0600 where the umask shuts the group out, from their first moment on. A socket
 * file that nobody answers on is what a killed agent left behind and is replaced; one that answers,
 * or a file that is not a socket, stays. Thread: the one that starts and stops the server.
 */
#pragma once
#include "pagecast/error.h"

#include <stdbool.h>
#include <sys/types.h>

struct listen_terms {	      /* on which TCP is served */
	bool tls;	      /* for the URL, and off loopback */
	bool callers_proven;  /* by tokens, or by client certificates over TLS */
	bool tokens_in_clear; /* --insecure-http: off loopback without TLS all the same */
};

struct listen_socket {
	int fd;	   /* owned; -1: none */
	char *url; /* owned; "http://127.0.0.1:8470", "https://…", "unix:/run/pagecast/api.sock" */
	char *path; /* owned; the socket file, NULL: TCP */
	dev_t device;
	ino_t inode; /* of the file that was made, to remove no other */
};

#define LISTEN_SOCKET_NULL ((struct listen_socket){.fd = -1})

/**
 * listen_open() - bind and listen
 * @where: "127.0.0.1:8470", "[::1]:0", "localhost:8470", "unix:PATH"; port 0: a free one
 *
 * Return: 0; INVALID_ARGUMENT: not an address that may be listened on; UNAVAILABLE: it cannot be
 * had. Every message names @where.
 */
int listen_open(const char *where, const struct listen_terms *terms,
		struct listen_socket *ret_socket, struct error *ret_error);

/** listen_unlink() - remove the socket file, if it still is the one that was made */
void listen_unlink(struct listen_socket *socket);

/** listen_close() - unlink, close, free */
void listen_close(struct listen_socket *socket);
