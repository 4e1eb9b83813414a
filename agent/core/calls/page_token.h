/*
 * page_token: where a list goes on: opaque to the client, checked when it comes back.
 *
 * A token holds the name of the last job given and a digest of the query: it fits only the query it
 * was made for, and a list goes on right where it stopped, whatever was added or deleted since.
 * Thread: any; no state.
 */
#pragma once
#include "pagecast/error.h"
#include "store/job_id.h"

#include <stddef.h>
#include <stdint.h>

enum { PAGE_TOKEN_LEN = 2 * (JOB_ID_LEN + 8 + 4), PAGE_TOKEN_VERSION = '1' };

/** page_token_make() - @query: digest of everything in the request but size and token */
void page_token_make(const char *id, uint64_t query, char ret_token[static PAGE_TOKEN_LEN + 2]);
/** page_token_read() - Return: 0 with *ret_id; INVALID_ARGUMENT at pageToken */
int page_token_read(const char *token, uint64_t query, char ret_id[static JOB_ID_LEN + 1],
		    struct error *ret_error);
