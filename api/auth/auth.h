/*
 * auth: who is asking, and with which role.
 *
 * Without a tokens file anyone who reaches a loopback address or the unix socket is an operator.
 * With one, every request needs a token, over TCP from anywhere; over the unix socket root and the
 * user whom the agent runs as need none and are admin, because they could write the file. A
 * verified client certificate stands for a person by its common name, as operator; a token beside
 * it says more and wins. Wrong tokens are counted by address and must wait (see lockout); a right
 * one is let in whatever came from the same address before. Judging one costs at most one SHA-256
 * of TOKEN_TEXT_LEN bytes and a comparison with each token: of another length it is refused unread.
 * Thread: any; a reload takes the place of the whole set under a lock.
 */
#pragma once
#include "api/auth/tokens.h"
#include "api/auth/tokens_change.h"
#include "pagecast/agent.h"
#include "pagecast/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct auth;

enum {
	AUTH_NAME_MAX = 64,
	AUTH_PRINCIPAL_MAX = AUTH_NAME_MAX + 6, /* "token:" */
};
_Static_assert((int)TOKEN_NAME_MAX <= (int)AUTH_NAME_MAX, "a token's name is part of a principal");

struct auth_evidence { /* what a connection proves, beside the token in a request; borrowed */
	const char *principal; /* by the socket alone: "local", "uid:1000"; "": not known */
	const struct sockaddr_storage *remote; /* from where; TCP only */
	bool owner; /* over the unix socket, by one who could write the tokens file anyway */
	/* The name in the client certificate that was verified on @session. NULL: none was.
	 * Return: 0; UNAUTHENTICATED: it is not a name */
	int (*certificate_name)(const void *session, char ret_name[static AUTH_NAME_MAX + 1],
				struct error *ret_error);
	const void *session;
	int64_t now_ns; /* CLOCK_MONOTONIC */
};

struct auth_identity {
	/* By what it was proved and who that is: "token:ci", "cert:lab3", "uid:1000", "local". A
	 * name holds no colon, so the kind ends at the first one and no name of one kind is one of
	 * another. */
	char principal[AUTH_PRINCIPAL_MAX + 1];
	char accessor[TOKEN_ACCESSOR_LEN + 1]; /* of the token; "": it took none */
	char claimed[TOKEN_ACCESSOR_LEN + 1];  /* in a token that is unknown; "": none */
	enum agent_role role;
};

/** auth_new() - @tokens_file: NULL: none. Return: 0; what tokens_load() returns */
int auth_new(struct auth **ret_auth, const char *tokens_file, struct error *ret_error);
/** auth_reload() - read the tokens file again; on failure the old tokens stay in force
 * @ret_change: tokens_change(), "" without a tokens file; written on success */
int auth_reload(struct auth *auth, char ret_change[static TOKENS_CHANGE_BYTES],
		struct error *ret_error);
struct auth *auth_free(struct auth *auth);

/**
 * auth_identify() - judge one request
 * @authorization: the header's value, hostile; NULL: none
 *
 * Of a caller who is refused, *ret_identity holds what can be told for the log: the accessor of a
 * token that has expired, or the one that an unknown token claims. Return: 0; UNAUTHENTICATED;
 * RESOURCE_EXHAUSTED with retry_after_s: a wrong token after several others from its address
 */
int auth_identify(struct auth *auth, const struct auth_evidence *evidence,
		  const char *authorization, struct auth_identity *ret_identity,
		  struct error *ret_error);

/**
 * auth_holds() - is what proved a caller still good? For answers that go on for long
 * @accessor: of the caller's token; NULL or "": it took none, and nothing of it can end
 */
bool auth_holds(struct auth *auth, const char *accessor);
