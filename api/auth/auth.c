/* auth: see auth.h. */
#include "api/auth/auth.h"

#include "api/auth/lockout.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

struct auth {
	char *tokens_file; /* owned; NULL: none */
	struct lockout *lockout;
	pthread_rwlock_t lock; /* of the pointer below */
	struct tokens *tokens;
};

int auth_new(struct auth **ret_auth, const char *tokens_file, struct error *ret_error)
{
	char change[TOKENS_CHANGE_BYTES];
	struct auth *auth = calloc(1, sizeof *auth);
	if (!auth)
		return error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	pthread_rwlock_init(&auth->lock, NULL);
	auth->lockout = lockout_new();
	auth->tokens_file = tokens_file ? strdup(tokens_file) : NULL;
	int r = auth->lockout && (auth->tokens_file || !tokens_file)
			? auth_reload(auth, change, ret_error)
			: error_set(ret_error, ERROR_CODE_INTERNAL, "out of memory");
	if (r) {
		auth_free(auth);
		return r;
	}
	*ret_auth = auth;
	return 0;
}

int auth_reload(struct auth *auth, char ret_change[static TOKENS_CHANGE_BYTES],
		struct error *ret_error)
{
	struct tokens *tokens = NULL;
	if (!auth->tokens_file) {
		ret_change[0] = '\0';
		return 0;
	}
	int r = tokens_load(auth->tokens_file, &tokens, ret_error);
	if (r)
		return r;
	tokens_change(auth->tokens, tokens, ret_change); /* reloads come from one thread */
	pthread_rwlock_wrlock(&auth->lock);
	struct tokens *old = auth->tokens;
	auth->tokens = tokens;
	pthread_rwlock_unlock(&auth->lock);
	tokens_free(old);
	return 0;
}

struct auth *auth_free(struct auth *auth)
{
	if (!auth)
		return NULL;
	tokens_free(auth->tokens);
	lockout_free(auth->lockout);
	pthread_rwlock_destroy(&auth->lock);
	free(auth->tokens_file);
	free(auth);
	return NULL;
}

/* What failures are counted by: a user, an IPv4 address, or the 64 bits of an IPv6 address that one
 * network has; all of a link-local one, whose 64 bits every neighbour shares. */
static void address_of(const struct auth_evidence *evidence, char text[static LOCKOUT_ADDRESS_MAX])
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)evidence->remote;
	struct sockaddr_in6 in6;
	snprintf(text, LOCKOUT_ADDRESS_MAX, "%s", evidence->principal);
	if (evidence->remote->ss_family == AF_INET)
		inet_ntop(AF_INET, &in->sin_addr, text, LOCKOUT_ADDRESS_MAX);
	if (evidence->remote->ss_family != AF_INET6)
		return;
	memcpy(&in6, evidence->remote, sizeof in6);
	if (!IN6_IS_ADDR_LINKLOCAL(&in6.sin6_addr))
		memset(&in6.sin6_addr.s6_addr[8], 0, 8);
	inet_ntop(AF_INET6, &in6.sin6_addr, text, LOCKOUT_ADDRESS_MAX);
}

/* A wrong token: refused, and after several of them with a time to wait. What comes too early is
 * not counted, so that the wait ends however often the caller tries. */
static int refuse_token(struct auth *auth, const struct auth_evidence *evidence,
			struct error *ret_error)
{
	char address[LOCKOUT_ADDRESS_MAX];
	address_of(evidence, address);
	uint32_t wait_s = lockout_wait_s(auth->lockout, address, evidence->now_ns);
	if (wait_s) {
		error_set(ret_error, ERROR_CODE_RESOURCE_EXHAUSTED,
			  "the token is unknown, expired or revoked, after %d wrong ones in %d s "
			  "from this address: wait %u s",
			  LOCKOUT_FAILURES, (int)(LOCKOUT_WINDOW_NS / 1000000000), wait_s);
		ret_error->retry_after_s = wait_s;
		return ERROR_CODE_RESOURCE_EXHAUSTED;
	}
	lockout_failed(auth->lockout, address, evidence->now_ns);
	return error_set(ret_error, ERROR_CODE_UNAUTHENTICATED,
			 "the token is unknown, expired or revoked");
}

/* The token is judged first: others of the same address have no say in whether a right one is let
 * in. */
static int take_token(struct auth *auth, const struct auth_evidence *evidence,
		      const char *presented, struct auth_identity *ret_identity,
		      struct error *ret_error)
{
	pthread_rwlock_rdlock(&auth->lock);
	const struct token *token = tokens_find_presented(auth->tokens, presented);
	bool good = token && time(NULL) < token->expires_s;
	if (token)
		strcpy(ret_identity->accessor, token->accessor);
	if (good) {
		snprintf(ret_identity->principal, sizeof ret_identity->principal, "token:%s",
			 token->name);
		ret_identity->role = token->role;
	}
	pthread_rwlock_unlock(&auth->lock);
	if (!token)
		token_claim(presented, ret_identity->claimed);
	return good ? 0 : refuse_token(auth, evidence, ret_error);
}

/* The token of "Bearer TOKEN". Return: NULL: the header is not there or says something else. */
static const char *bearer(const char *authorization)
{
	static const char SCHEME[] = "Bearer ";
	if (!authorization || strncasecmp(authorization, SCHEME, sizeof SCHEME - 1) != 0)
		return NULL;
	authorization += sizeof SCHEME - 1;
	return authorization + strspn(authorization, " ");
}

static int take_certificate(const struct auth_evidence *evidence,
			    struct auth_identity *ret_identity, struct error *ret_error)
{
	char name[AUTH_NAME_MAX + 1];
	int r = evidence->certificate_name(evidence->session, name, ret_error);
	if (r)
		return r;
	snprintf(ret_identity->principal, sizeof ret_identity->principal, "cert:%s", name);
	ret_identity->role = AGENT_ROLE_OPERATOR;
	return 0;
}

static void take_socket(const struct auth_evidence *evidence, enum agent_role role,
			struct auth_identity *ret_identity)
{
	snprintf(ret_identity->principal, sizeof ret_identity->principal, "%s",
		 evidence->principal);
	ret_identity->role = role;
}

int auth_identify(struct auth *auth, const struct auth_evidence *evidence,
		  const char *authorization, struct auth_identity *ret_identity,
		  struct error *ret_error)
{
	const char *presented = auth->tokens_file ? bearer(authorization) : NULL;
	*ret_identity = (struct auth_identity){.role = AGENT_ROLE_NONE};
	if (presented)
		return take_token(auth, evidence, presented, ret_identity, ret_error);
	if (evidence->certificate_name)
		return take_certificate(evidence, ret_identity, ret_error);
	if (auth->tokens_file && !evidence->owner)
		return error_set(ret_error, ERROR_CODE_UNAUTHENTICATED,
				 "missing token: send Authorization: Bearer TOKEN; "
				 "`pagecastd token create` creates one");
	if (!evidence->principal[0])
		return error_set(ret_error, ERROR_CODE_UNAUTHENTICATED,
				 "the kernel does not say which user is at the other end of the "
				 "unix socket");
	take_socket(evidence, auth->tokens_file ? AGENT_ROLE_ADMIN : AGENT_ROLE_OPERATOR,
		    ret_identity);
	return 0;
}

bool auth_holds(struct auth *auth, const char *accessor)
{
	if (!accessor || !*accessor)
		return true;
	pthread_rwlock_rdlock(&auth->lock);
	bool holds = tokens_hold(auth->tokens, accessor, time(NULL));
	pthread_rwlock_unlock(&auth->lock);
	return holds;
}
