/* page_token: see page_token.h. Version, then in hexadecimal: name, query, check. */
#include "core/calls/page_token.h"

#include <nettle/sha2.h>
#include <string.h>

enum { QUERY_BYTES = 8, CHECK_BYTES = 4, BODY_BYTES = JOB_ID_LEN + QUERY_BYTES };

static const char HEX[] = "0123456789abcdef";

/* Detects a damaged token. Forging one gives nothing that a list does not give. */
static void check_of(const uint8_t body[static BODY_BYTES], uint8_t ret_check[static CHECK_BYTES])
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx sha256;
	sha256_init(&sha256);
	sha256_update(&sha256, BODY_BYTES, body);
	sha256_digest(&sha256, sizeof digest, digest);
	memcpy(ret_check, digest, CHECK_BYTES);
}

static void put_query(uint8_t *bytes, uint64_t query)
{
	for (int i = 0; i < QUERY_BYTES; i++)
		bytes[i] = (uint8_t)(query >> (8 * i));
}

void page_token_make(const char *id, uint64_t query, char ret_token[static PAGE_TOKEN_LEN + 2])
{
	uint8_t bytes[BODY_BYTES + CHECK_BYTES];
	memcpy(bytes, id, JOB_ID_LEN);
	put_query(bytes + JOB_ID_LEN, query);
	check_of(bytes, bytes + BODY_BYTES);
	char *to = ret_token;
	*to++ = PAGE_TOKEN_VERSION;
	for (size_t i = 0; i < sizeof bytes; i++) {
		*to++ = HEX[bytes[i] >> 4];
		*to++ = HEX[bytes[i] & 15];
	}
	*to = '\0';
}

static int refuse(struct error *ret_error, const char *why)
{
	error_violate(ret_error, "pageToken", "%s: give the nextPageToken of the last answer", why);
	return (int)ret_error->code;
}

int page_token_read(const char *token, uint64_t query, char ret_id[static JOB_ID_LEN + 1],
		    struct error *ret_error)
{
	uint8_t bytes[BODY_BYTES + CHECK_BYTES], check[CHECK_BYTES], wanted[QUERY_BYTES];
	if (strlen(token) != PAGE_TOKEN_LEN + 1 || token[0] != PAGE_TOKEN_VERSION ||
	    strspn(token + 1, HEX) != PAGE_TOKEN_LEN)
		return refuse(ret_error, "not a token of this agent");
	for (size_t i = 0; i < sizeof bytes; i++) {
		const char *pair = token + 1 + 2 * i;
		bytes[i] =
			(uint8_t)((strchr(HEX, pair[0]) - HEX) << 4 | (strchr(HEX, pair[1]) - HEX));
	}
	char id[JOB_ID_LEN + 1] = "";
	memcpy(id, bytes, JOB_ID_LEN);
	check_of(bytes, check);
	if (memcmp(check, bytes + BODY_BYTES, CHECK_BYTES) != 0 || !job_id_valid(id))
		return refuse(ret_error, "a damaged token");
	put_query(wanted, query);
	if (memcmp(wanted, bytes + JOB_ID_LEN, QUERY_BYTES) != 0)
		return refuse(ret_error, "the token of another query");
	memcpy(ret_id, id, sizeof id);
	return 0;
}
