/* rest_answer: see rest_answer.h. */
#include "api/rest/rest_answer.h"

#include <inttypes.h>

/* Compressed bytes are not those that a strong tag stands for (RFC 9110, 8.8.1). What is not sent
 * again would probably have been compressed. */
void rest_answer_tag(struct request *request, const struct method_result *result, bool packed)
{
	const Pagecast__V1__Job *job = (const Pagecast__V1__Job *)result->response;
	reply_header(&request->reply, "ETag", "%s\"%" PRIu64 "\"", packed ? "W/" : "",
		     job->revision);
}

void rest_answer_job(struct request *request, const struct method_result *result)
{
	reply_message(&request->reply, MHD_HTTP_OK, result->response);
	rest_answer_tag(request, result, request->reply.packed);
}
