/* rest_protocol: see rest_protocol.h. */
#include "api/rest/rest_protocol.h"

#include "api/http/request.h"

#include <strings.h>

static bool judge_body_type(struct request *request)
{
	const char *encoding = request_header(request, "Content-Encoding");
	bool body = request->head.content_length || request->head.chunked;
	request->body_media = media_type(request_header(request, "Content-Type"));
	request->body_gzip = body && encoding && strcasecmp(encoding, "gzip") == 0;
	if (body && encoding && !request->body_gzip && strcasecmp(encoding, "identity") != 0) {
		request_refuse(request, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE,
			       ERROR_CODE_INVALID_ARGUMENT,
			       "unsupported Content-Encoding \"%.40s\"; use gzip or "
			       "identity",
			       encoding);
		reply_header(&request->reply, "Accept-Encoding", "gzip, identity");
		return false;
	}
	/* A form may be empty and yet have been sent by a page. */
	if (request->body_media == MEDIA_FORM ||
	    (body && request->body_media != MEDIA_JSON && request->body_media != MEDIA_PROTOBUF)) {
		request_refuse(request, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE,
			       ERROR_CODE_INVALID_ARGUMENT,
			       "Content-Type must be application/json or application/x-protobuf; "
			       "use curl --json");
		return false;
	}
	return true;
}

static bool judge_accept(struct request *request)
{
	struct reply_form *form = &request->reply.form;
	form->media = media_accept_choose(&request->head.accept);
	form->protobuf_type = request->head.accept.protobuf_type;
	form->gzip = request->head.accept_gzip;
	/* What has one form anyway is given whatever is asked for: EventSource names its own type
	   alone. Errors are JSON. */
	if (request->route->sse || request->route->produces)
		form->media = MEDIA_JSON;
	if (request->route->pcap && media_accept_pcap(&request->head.accept))
		form->media = MEDIA_PCAP;
	if (form->media != MEDIA_NONE)
		return true;
	form->media = MEDIA_JSON;
	request_refuse(request, MHD_HTTP_NOT_ACCEPTABLE, ERROR_CODE_INVALID_ARGUMENT,
		       "Accept must allow application/json or application/x-protobuf");
	return false;
}

static bool judge(struct request *request)
{
	return (!request->route->body || judge_body_type(request)) && judge_accept(request);
}

static void put_error(struct request *request, unsigned int status, const struct error *error)
{
	reply_error_json(&request->reply, status ? status : reply_status(error->code), error);
}

const struct protocol REST_PROTOCOL = {.judge = judge, .put_error = put_error};
