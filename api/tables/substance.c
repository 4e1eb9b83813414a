/* substance: see substance.h. */
#include "api/tables/substance.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { TEXT_BYTES = 96 }; /* of one destination, one rate, one limit */

static void put(struct substance *substance, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void put(struct substance *substance, const char *key, const char *format, ...)
{
	if (substance->count == AUDIT_PAIRS_MAX)
		return;
	char *value = substance->values[substance->count];
	va_list args;
	va_start(args, format);
	vsnprintf(value, SUBSTANCE_VALUE_BYTES, format, args);
	va_end(args);
	substance->pairs[substance->count++] = (struct audit_pair){key, value};
}

static void put_text(struct substance *substance, const char *key, const char *text)
{
	if (*text)
		put(substance, key, "%.256s", text);
}

/* As JSON has it, to the millisecond. */
static void put_time(struct substance *substance, const char *key,
		     const Google__Protobuf__Timestamp *time)
{
	char text[32];
	struct tm utc;
	time_t seconds = (time_t)time->seconds;
	if (gmtime_r(&seconds, &utc) && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc))
		put(substance, key, "%s.%03dZ", text, time->nanos / 1000000);
}

/* ---- streams ---- */

static void spell_udp(const Pagecast__V1__UdpDestination *udp, char text[static TEXT_BYTES])
{
	bool v6 = strchr(udp->address, ':');
	snprintf(text, TEXT_BYTES, "udp://%s%.48s%s:%u", v6 ? "[" : "", udp->address, v6 ? "]" : "",
		 udp->port);
}

static void spell_frame(const Pagecast__V1__EthernetDestination *ethernet,
			char text[static TEXT_BYTES])
{
	const Pagecast__V1__FrameHeader *header = ethernet->header;
	const char *address = header ? header->destination_address : "";
	snprintf(text, TEXT_BYTES, "eth://%.16s%s%.17s%s%.45s", ethernet->interface,
		 header && *header->destination_mac ? "/" : "",
		 header ? header->destination_mac : "", *address ? " to " : "", address);
}

static void spell_destination(const Pagecast__V1__Stream *stream, char text[static TEXT_BYTES])
{
	switch (stream->destination_case) {
	case PAGECAST__V1__STREAM__DESTINATION_UDP: spell_udp(stream->udp, text); return;
	case PAGECAST__V1__STREAM__DESTINATION_RAW_IP:
		snprintf(text, TEXT_BYTES, "ip://%.48s?proto=%u%s", stream->raw_ip->address,
			 stream->raw_ip->protocol,
			 stream->raw_ip->header_included ? "&header_included" : "");
		return;
	case PAGECAST__V1__STREAM__DESTINATION_ETHERNET:
		spell_frame(stream->ethernet, text);
		return;
	default: snprintf(text, TEXT_BYTES, "none"); return;
	}
}

static void spell_interface(const Pagecast__V1__Stream *stream, char text[static TEXT_BYTES])
{
	const char *name = "";
	switch (stream->destination_case) {
	case PAGECAST__V1__STREAM__DESTINATION_UDP: name = stream->udp->interface; break;
	case PAGECAST__V1__STREAM__DESTINATION_RAW_IP: name = stream->raw_ip->interface; break;
	case PAGECAST__V1__STREAM__DESTINATION_ETHERNET: name = stream->ethernet->interface; break;
	default: break;
	}
	snprintf(text, TEXT_BYTES, "%.16s", *name ? name : "by route");
}

static void spell_rate_value(const Pagecast__V1__Rate *rate, char text[static TEXT_BYTES])
{
	snprintf(text, TEXT_BYTES, "none given");
	if (!rate)
		return;
	switch (rate->kind_case) {
	case PAGECAST__V1__RATE__KIND_PPS:
		snprintf(text, TEXT_BYTES, "%.15g pps", rate->pps);
		break;
	case PAGECAST__V1__RATE__KIND_BPS:
		snprintf(text, TEXT_BYTES, "%" PRIu64 " bps", rate->bps);
		break;
	case PAGECAST__V1__RATE__KIND_LINE_PERCENT:
		snprintf(text, TEXT_BYTES, "%.15g %% of the line", rate->line_percent);
		break;
	case PAGECAST__V1__RATE__KIND_UNLIMITED: snprintf(text, TEXT_BYTES, "unlimited"); break;
	default: break;
	}
}

static void spell_rate(const Pagecast__V1__Stream *stream, char text[static TEXT_BYTES])
{
	spell_rate_value(stream->rate, text);
}

static void spell_limit(const Pagecast__V1__Stream *stream, char text[static TEXT_BYTES])
{
	const Pagecast__V1__Limit *limit = stream->limit;
	snprintf(text, TEXT_BYTES, "none given");
	if (!limit)
		return;
	switch (limit->kind_case) {
	case PAGECAST__V1__LIMIT__KIND_PACKETS:
		snprintf(text, TEXT_BYTES, "%" PRIu64 " packets", limit->packets);
		break;
	case PAGECAST__V1__LIMIT__KIND_BYTES:
		snprintf(text, TEXT_BYTES, "%" PRIu64 " bytes", limit->bytes);
		break;
	case PAGECAST__V1__LIMIT__KIND_DURATION:
		snprintf(text, TEXT_BYTES, "%.15g s",
			 (double)limit->duration->seconds + limit->duration->nanos / 1e9);
		break;
	case PAGECAST__V1__LIMIT__KIND_LOOPS:
		snprintf(text, TEXT_BYTES, "%u loops", limit->loops);
		break;
	case PAGECAST__V1__LIMIT__KIND_UNTIL_CANCELLED:
		snprintf(text, TEXT_BYTES, "until cancelled");
		break;
	default: break;
	}
}

/* The first streams, in their order, and how many more: what all of them say is said once. */
static void
put_streams(struct substance *substance, const char *key, const Pagecast__V1__JobSpec *spec,
	    void (*spell)(const Pagecast__V1__Stream *stream, char text[static TEXT_BYTES]))
{
	char list[SUBSTANCE_VALUE_BYTES] = "", first[TEXT_BYTES] = "";
	size_t len = 0, told = 0;
	bool alike = true;
	for (size_t i = 0; i < spec->n_streams; i++) {
		char text[TEXT_BYTES];
		spell(spec->streams[i], i ? text : first);
		alike = alike && (!i || strcmp(text, first) == 0);
		if (told == SUBSTANCE_STREAMS)
			continue; /* are they all alike? */
		len += (size_t)snprintf(list + len, sizeof list - len, "%s%s", i ? ", " : "",
					i ? text : first);
		told++;
	}
	if (alike)
		put(substance, key, "%s", first);
	else if (told < spec->n_streams)
		put(substance, key, "%s and %zu more", list, spec->n_streams - told);
	else
		put(substance, key, "%s", list);
}

/* ---- labels ---- */

static void put_labels(struct substance *substance, Pagecast__V1__Label *const *labels,
		       size_t count)
{
	char list[SUBSTANCE_VALUE_BYTES] = "";
	size_t len = 0, told = count < SUBSTANCE_STREAMS ? count : SUBSTANCE_STREAMS;
	for (size_t i = 0; i < told; i++)
		len += (size_t)snprintf(list + len, sizeof list - len, "%s%.40s=%.40s",
					i ? ", " : "", labels[i]->key, labels[i]->value);
	if (told < count)
		put(substance, "labels", "%s and %zu more", list, count - told);
	else if (count)
		put(substance, "labels", "%s", list);
}

/* ---- requests ---- */

static void read_submit(struct substance *substance, const Pagecast__V1__SubmitJobRequest *request)
{
	const Pagecast__V1__JobSpec *spec = request->spec;
	if (!spec)
		return;
	put_text(substance, "name", spec->name);
	put(substance, "streams", "%zu", spec->n_streams);
	if (spec->n_streams) {
		put_streams(substance, "to", spec, spell_destination);
		put_streams(substance, "interface", spec, spell_interface);
		put_streams(substance, "rate", spec, spell_rate);
		put_streams(substance, "limit", spec, spell_limit);
	}
	if (spec->hold)
		put(substance, "hold", "yes");
	if (spec->start_time)
		put_time(substance, "start_time", spec->start_time);
	put_labels(substance, spec->labels, spec->n_labels);
	put_text(substance, "request_id", request->request_id);
}

/* The streams that a call was about; none: the whole job. */
static void put_names(struct substance *substance, char *const *names, size_t count)
{
	char list[SUBSTANCE_VALUE_BYTES] = "";
	size_t len = 0, told = count < SUBSTANCE_STREAMS ? count : SUBSTANCE_STREAMS;
	for (size_t i = 0; i < told; i++)
		len += (size_t)snprintf(list + len, sizeof list - len, "%s%.80s", i ? ", " : "",
					names[i]);
	if (told < count)
		put(substance, "streams", "%s and %zu more", list, count - told);
	else if (count)
		put(substance, "streams", "%s", list);
}

static void read_cancel(struct substance *substance, const Pagecast__V1__CancelJobRequest *request)
{
	put_names(substance, request->streams, request->n_streams);
	put_text(substance, "why", request->reason);
}

static void read_pause(struct substance *substance, const Pagecast__V1__PauseJobRequest *request)
{
	put_names(substance, request->streams, request->n_streams);
}

static void read_resume(struct substance *substance, const Pagecast__V1__ResumeJobRequest *request)
{
	put_names(substance, request->streams, request->n_streams);
}

static void read_update(struct substance *substance, const Pagecast__V1__UpdateJobRequest *request)
{
	char text[TEXT_BYTES];
	bool has_priority = request->new_priority_case ==
			    PAGECAST__V1__UPDATE_JOB_REQUEST__NEW_PRIORITY_PRIORITY;
	if (request->rate) {
		spell_rate_value(request->rate, text);
		put(substance, "stream", "%.128s", *request->stream ? request->stream : "all");
		put(substance, "rate", "%s", text);
	}
	if (has_priority)
		put(substance, "priority", "%d", request->priority);
	if (request->start_time)
		put_time(substance, "start_time", request->start_time);
	if (!request->rate && !has_priority && !request->start_time)
		put(substance, "change", "lease renewed");
}

static void read_cancel_all(struct substance *substance,
			    const Pagecast__V1__CancelJobsRequest *request,
			    const Pagecast__V1__CancelJobsResponse *response,
			    const struct agent_cancelled *cancelled)
{
	char list[AGENT_CANCELLED_IDS_MAX * AGENT_ID_BYTES] = "";
	size_t len = 0;
	if (request->all)
		put(substance, "all", "yes");
	put_labels(substance, request->labels, request->n_labels);
	for (size_t i = 0; i < cancelled->count && i < AGENT_CANCELLED_IDS_MAX; i++)
		len += (size_t)snprintf(list + len, sizeof list - len, "%s%s", i ? "," : "",
					cancelled->ids[i]);
	put(substance, "stopped", "%zu", cancelled->count);
	if (cancelled->count > AGENT_CANCELLED_IDS_MAX)
		put(substance, "ids", "%s and %zu more", list,
		    cancelled->count - AGENT_CANCELLED_IDS_MAX);
	else if (cancelled->count)
		put(substance, "ids", "%s", list);
	if (response)
		put(substance, "cancelled", "%u", response->cancelled);
	put_text(substance, "why", request->reason);
}

static void read_job(struct substance *substance, const Pagecast__V1__Job *job)
{
	static const char PREFIX[] = "JOB_STATE_";
	const ProtobufCEnumValue *state = protobuf_c_enum_descriptor_get_value(
		&pagecast__v1__job_state__descriptor, (int)job->state);
	if (state)
		put_text(substance, "state", state->name + strlen(PREFIX));
	put_text(substance, "owner", job->owner);
	if (job->account && job->account->packets_requested)
		put(substance, "packets", "%" PRIu64, job->account->packets_requested);
	if (job->account && job->account->packets_sent)
		put(substance, "sent", "%" PRIu64, job->account->packets_sent);
}

void substance_read(struct substance *ret_substance, const ProtobufCMessage *request,
		    const ProtobufCMessage *response, const struct agent_cancelled *cancelled)
{
	const ProtobufCMessageDescriptor *kind = request->descriptor;
	ret_substance->count = 0;
	if (kind == &pagecast__v1__submit_job_request__descriptor)
		read_submit(ret_substance, (const Pagecast__V1__SubmitJobRequest *)request);
	else if (kind == &pagecast__v1__update_job_request__descriptor)
		read_update(ret_substance, (const Pagecast__V1__UpdateJobRequest *)request);
	else if (kind == &pagecast__v1__cancel_job_request__descriptor)
		read_cancel(ret_substance, (const Pagecast__V1__CancelJobRequest *)request);
	else if (kind == &pagecast__v1__pause_job_request__descriptor)
		read_pause(ret_substance, (const Pagecast__V1__PauseJobRequest *)request);
	else if (kind == &pagecast__v1__resume_job_request__descriptor)
		read_resume(ret_substance, (const Pagecast__V1__ResumeJobRequest *)request);
	else if (kind == &pagecast__v1__cancel_jobs_request__descriptor)
		read_cancel_all(ret_substance, (const Pagecast__V1__CancelJobsRequest *)request,
				(const Pagecast__V1__CancelJobsResponse *)response, cancelled);
	if (response && response->descriptor == &pagecast__v1__job__descriptor)
		read_job(ret_substance, (const Pagecast__V1__Job *)response);
}
