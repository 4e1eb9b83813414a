/*
 * exchange: moves a request from stage to stage: head, body, handler, answer.
 *
 * The stages are in request.h. Thread: the request's HTTP thread.
 */
#pragma once
#include "api/http/request.h"

/** exchange_step() - the library's access handler: head, pieces of the body, the end, the answer */
enum MHD_Result exchange_step(struct request *request, const char *method, const char *version,
			      const char *data, size_t *len);
