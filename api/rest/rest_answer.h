/*
 * rest_answer: a job as an answer, with its revision as the entity tag. A route's .render.
 *
 * Thread: whoever owns the request.
 */
#pragma once
#include "api/http/request.h"

/** rest_answer_job() - 200 and the job */
void rest_answer_job(struct request *request, const struct method_result *result);

/** rest_answer_tag() - name the job's revision; @packed: its bytes are, or would be, compressed */
void rest_answer_tag(struct request *request, const struct method_result *result, bool packed);
