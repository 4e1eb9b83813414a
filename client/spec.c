/* spec: see spec.h. */
#include "spec.h"
#include "message.h"
#include "names.h"
#include "payload.h"
#include "target.h"
#include "units.h"
#include "util.h"
#include "variation.h"

#include <string.h>

const struct option SPEC_PAYLOAD_OPTIONS[] = {
	{NULL, NULL, "Payloads (sent in this order; none: one empty payload)", false},
	{"text", "TEXT", "this text", true},
	{"hex", "BYTES", "bytes as 'de ad be ef'", true},
	{"file", "FILE", "the bytes of a file as one payload; - is standard input", true},
	{"random", "N[:SEED]", "N random bytes; the same seed gives the same bytes", true},
	{"zeros", "N", "N bytes 0x00", true},
	{"ones", "N", "N bytes 0xff", true},
	{"incrementing", "N", "N bytes 0x00 0x01 0x02 …", true},
	{"repeat", "N", "send the payload in front of this flag N times in a row", true},
	{"size", "SIZE", "pad or cut packets: 512, 64-1500, 64:7,570:4, imix", false},
	{"size-layer", "LAYER", "what --size counts: payload, l3, l2, l2-fcs, l1", false},
	{"modify", "CHANGE", "a number that changes: 0/32=counter:1:1:1000; repeatable", true},
	{"stamp", NULL, "number and time in the last bytes of each packet", false},
	{"stamp-id", "N", "the stream's id in its stamps; default: picked", false},
	{"stamp-covers-payload", NULL, "the stamp's CRC covers the payload, too", false},
	{NULL, NULL, "Rate (none: as fast as the engine and the policy allow)", false},
	OPTION_END,
};

const struct option SPEC_RATE_OPTIONS[] = {
	{"pps", "RATE", "packets a second: 0.5, 100, 10k, 1.5M", false},
	{"bps", "RATE", "bits a second: 64k, 100M, 2.5G", false},
	{"line-percent", "P", "percent of the interface's speed", false},
	{"unlimited", NULL, "as fast as the engine and the policy allow", false},
	{"layer", "LAYER", "what --bps counts: l2 (default), payload, l3, l2-fcs, l1", false},
	{"max-back-to-back", "N", "at most N packets without a gap between them", false},
	{"catch-up", "WAY", "what is late leaves: proportional (default), burst, forgive", false},
	OPTION_END,
};

const struct option SPEC_JOB_OPTIONS[] = {
	{"burst-packets", "N", "send in bursts of N packets", false},
	{"burst-gap", "TIME", "from the end of a burst to the start of the next", false},
	{NULL, NULL, "Limit (none: one pass over the payloads)", false},
	{"packets", "N", "this many packets", false},
	{"bytes", "N", "this many bytes of payload", false},
	{"duration", "TIME", "for this long: 10s, 500ms, 2m", false},
	{"loops", "N", "this many passes over the payloads", false},
	{"forever", NULL, "until cancelled (Ctrl-C)", false},
	{NULL, NULL, "Addresses and headers", false},
	{"source", "ADDR[:PORT]", "source address and port", false},
	{"source-port", "PORT", "source port", false},
	{"interface", "NAME", "send through this interface", false},
	{"ttl", "N", "time to live or hop limit: 1 to 255", false},
	{"dscp", "N", "differentiated services code point: 0 to 63", false},
	{"broadcast", NULL, "allow a broadcast address", false},
	{"dont-fragment", NULL, "refuse packets longer than the path MTU", false},
	{"header-included", NULL, "ip://: payloads start with their own IP header", false},
	{"source-mac", "MAC", "eth://: source MAC; default: the interface's", false},
	{"vlan", "ID[:PRIO]", "eth://: VLAN tag; repeatable, outermost first", true},
	{"ethertype", "N", "eth://: as 0x88b5", false},
	{"destination", "ADDR[:PORT]", "eth://: IP destination; with a port: UDP", false},
	{NULL, NULL, "The job", false},
	{"name", "NAME", "a name for people", false},
	{"label", "KEY=VALUE", "a label to select the job by; repeatable", true},
	{"priority", "N", "place in the queue: -100 to 100, higher first", false},
	{"engine", "ENGINE", "auto (default), splice, txring, copy, zerocopy, uring", false},
	{"layout", "LAYOUT", "packed (default), page-per-packet", false},
	{"page-offset", "N", "page-per-packet: offset of a packet in its page: 1 to 4095", false},
	{"start-at", "TIME", "start at a time: +5s or 2026-03-01T12:00:00Z", false},
	{"hold", NULL, "prepare the job, then wait until `pagecast resume` lets it start", false},
	{"hold-timeout", "TIME", "with --hold: fail if that takes longer; default: 30s", false},
	{"start-delay", "TIME", "start this long after the job has started", false},
	{"start-tolerance", "TIME",
	 "with --start-at or --hold: fail if the start is later than this", false},
	{"max-duration", "TIME", "stop the job after this time", false},
	{"lease", "TIME", "cancel the job if this client is gone for this long", false},
	{"when-full", "WHAT", "when the kernel's queue is full: wait (default) or drop", false},
	{"restart-policy", "WHAT", "if the agent ends: interrupt (default) or resume", false},
	{"request-id", "ID", "repeated with the same id, the request gives the same job", false},
	OPTION_END,
};

static Google__Protobuf__Duration *new_duration(int64_t ns)
{
	Google__Protobuf__Duration *duration =
		MESSAGE_NEW(Google__Protobuf__Duration, GOOGLE__PROTOBUF__DURATION__INIT);
	duration->seconds = ns / 1000000000;
	duration->nanos = (int32_t)(ns % 1000000000);
	return duration;
}

static int read_duration(const struct options *options, const char *name,
			 Google__Protobuf__Duration **ret_duration)
{
	int64_t ns = 0;
	int r = options_duration(options, name, &ns);
	if (!r && ns)
		*ret_duration = new_duration(ns);
	return r;
}

static int read_rate_value(const struct options *options, const char *kind,
			   Pagecast__V1__Rate *rate)
{
	double value = 0;
	int r = options_rate(options, kind, &value);
	if (r)
		return r;
	if (strcmp(kind, "pps") == 0) {
		rate->kind_case = PAGECAST__V1__RATE__KIND_PPS;
		rate->pps = value;
	} else if (strcmp(kind, "bps") == 0) {
		rate->kind_case = PAGECAST__V1__RATE__KIND_BPS;
		if (value < 1 || value > 1e15)
			return options_bad(options, kind, options_value(options, kind),
					   "is not between 1 and 10^15 bits a second");
		rate->bps = (uint64_t)(value + 0.5);
	} else if (strcmp(kind, "line-percent") == 0) {
		rate->kind_case = PAGECAST__V1__RATE__KIND_LINE_PERCENT;
		if (value > 100)
			return options_bad(options, kind, options_value(options, kind),
					   "is more than 100");
		rate->line_percent = value;
	} else {
		rate->kind_case = PAGECAST__V1__RATE__KIND_UNLIMITED;
		rate->unlimited = true;
	}
	return 0;
}

int spec_rate(const struct options *options, Pagecast__V1__Rate **ret_rate)
{
	static const char *const KINDS[] = {"pps", "bps", "line-percent", "unlimited", NULL};
	const char *kind;
	int layer = 0, catch_up = 0;
	uint32_t max_back_to_back = 0;
	*ret_rate = NULL;
	int r = options_one_of(options, KINDS, &kind);
	r = r ? r : names_option(options, "layer", &pagecast__v1__layer__descriptor, &layer);
	r = r ? r : options_u32(options, "max-back-to-back", 1, UINT32_MAX, &max_back_to_back);
	r = r ? r
	      : names_option(options, "catch-up", &pagecast__v1__catch_up__descriptor, &catch_up);
	if (r || (!kind && !layer && !catch_up && !max_back_to_back))
		return r;
	if (!kind && catch_up)
		return options_usage(options->command, "--catch-up belongs to a rate: give --pps, "
						       "--bps or --line-percent");
	if (!kind && !max_back_to_back)
		return options_usage(options->command,
				     "--layer belongs to a rate: give --bps or --line-percent");
	bool rated = kind != NULL;
	Pagecast__V1__Rate *rate = *ret_rate =
		MESSAGE_NEW(Pagecast__V1__Rate, PAGECAST__V1__RATE__INIT);
	rate->layer = (Pagecast__V1__Layer)layer;
	rate->catch_up = (Pagecast__V1__CatchUp)catch_up;
	rate->max_back_to_back = max_back_to_back;
	return rated ? read_rate_value(options, kind, rate) : EXIT_DONE;
}

static int read_limit(const struct options *options, Pagecast__V1__Stream *stream)
{
	static const char *const KINDS[] = {"packets", "bytes",	  "duration",
					    "loops",   "forever", NULL};
	const char *kind;
	int r = options_one_of(options, KINDS, &kind);
	if (r || !kind)
		return r;
	Pagecast__V1__Limit *limit = stream->limit =
		MESSAGE_NEW(Pagecast__V1__Limit, PAGECAST__V1__LIMIT__INIT);
	if (strcmp(kind, "packets") == 0) {
		limit->kind_case = PAGECAST__V1__LIMIT__KIND_PACKETS;
		return options_count(options, kind, 1, UINT64_MAX, &limit->packets);
	}
	if (strcmp(kind, "bytes") == 0) {
		limit->kind_case = PAGECAST__V1__LIMIT__KIND_BYTES;
		return options_count(options, kind, 1, UINT64_MAX, &limit->bytes);
	}
	if (strcmp(kind, "duration") == 0) {
		limit->kind_case = PAGECAST__V1__LIMIT__KIND_DURATION;
		return read_duration(options, kind, &limit->duration);
	}
	if (strcmp(kind, "loops") == 0) {
		limit->kind_case = PAGECAST__V1__LIMIT__KIND_LOOPS;
		return options_u32(options, kind, 1, UINT32_MAX, &limit->loops);
	}
	limit->kind_case = PAGECAST__V1__LIMIT__KIND_UNTIL_CANCELLED;
	limit->until_cancelled = true;
	return 0;
}

static int read_burst(const struct options *options, Pagecast__V1__Stream *stream)
{
	uint32_t packets = 0;
	int r = options_u32(options, "burst-packets", 1, UINT32_MAX, &packets);
	if (r || (!packets && !options_has(options, "burst-gap")))
		return r;
	if (!packets || !options_has(options, "burst-gap"))
		return options_usage(options->command,
				     "--burst-packets and --burst-gap go together");
	stream->burst = MESSAGE_NEW(Pagecast__V1__Burst, PAGECAST__V1__BURST__INIT);
	stream->burst->packets = packets;
	return read_duration(options, "burst-gap", &stream->burst->gap);
}

static int read_stream(const struct options *options, const char *url, Pagecast__V1__Stream *stream)
{
	int r = target_read(options, url, stream);
	r = r ? r : payload_read(options, stream);
	r = r ? r : variation_read(options, stream);
	r = r ? r : spec_rate(options, &stream->rate);
	r = r ? r : read_limit(options, stream);
	r = r ? r : read_burst(options, stream);
	return r ? r : read_duration(options, "start-delay", &stream->start_delay);
}

int spec_label(const struct options *options, const char *value, Pagecast__V1__Label ***labels,
	       size_t *count)
{
	const char *equals = strchr(value, '=');
	if (!util_is_utf8(value, strlen(value)) || !equals || equals == value)
		return options_bad(options, "label", value, "is not a label; write key=value");
	Pagecast__V1__Label *label = MESSAGE_NEW(Pagecast__V1__Label, PAGECAST__V1__LABEL__INIT);
	label->key = util_strndup(value, (size_t)(equals - value));
	label->value = util_strdup(equals + 1);
	*labels = util_grow(*labels, *count, sizeof(void *));
	(*labels)[(*count)++] = label;
	return 0;
}

int spec_labels(const struct options *options, Pagecast__V1__Label ***labels, size_t *count)
{
	for (size_t i = 0; i < options->use_count; i++) {
		if (strcmp(options->uses[i].option->name, "label") != 0)
			continue;
		int r = spec_label(options, options->uses[i].value, labels, count);
		if (r)
			return r;
	}
	return 0;
}

static int read_engine(const struct options *options, Pagecast__V1__JobSpec *spec)
{
	const char *value = options_value(options, "engine");
	int engine = 0, layout = 0, when_full = 0, restart = 0;
	int r = 0;
	if (value && strcmp(value, "auto") != 0)
		r = names_option(options, "engine", &pagecast__v1__engine_kind__descriptor,
				 &engine);
	r = r ? r
	      : names_option(options, "layout", &pagecast__v1__page_layout__descriptor, &layout);
	r = r ? r
	      : names_option(options, "when-full", &pagecast__v1__full_policy__descriptor,
			     &when_full);
	r = r ? r
	      : names_option(options, "restart-policy", &pagecast__v1__restart_policy__descriptor,
			     &restart);
	spec->engine = (Pagecast__V1__EngineKind)engine;
	spec->page_layout = (Pagecast__V1__PageLayout)layout;
	spec->when_full = (Pagecast__V1__FullPolicy)when_full;
	spec->restart_policy = (Pagecast__V1__RestartPolicy)restart;
	return r ? r : options_u32(options, "page-offset", 1, 4095, &spec->page_offset);
}

int spec_start_at(const struct options *options, Google__Protobuf__Timestamp **ret_time)
{
	const char *value = options_value(options, "start-at");
	struct timespec time;
	if (!value)
		return 0;
	if (!units_read_time(value, &time))
		return options_bad(options, "start-at", value,
				   "is not a time; write +5s, 2026-03-01T12:00:00Z or "
				   "2026-03-01T13:00:00.250+01:00");
	*ret_time = MESSAGE_NEW(Google__Protobuf__Timestamp, GOOGLE__PROTOBUF__TIMESTAMP__INIT);
	(*ret_time)->seconds = time.tv_sec;
	(*ret_time)->nanos = (int32_t)time.tv_nsec;
	return 0;
}

static int read_job(const struct options *options, Pagecast__V1__JobSpec *spec)
{
	const char *name = NULL;
	int r = options_text(options, "name", SPEC_NAME_MAX_BYTES, &name);
	if (name)
		spec->name = util_strdup(name);
	r = r ? r : spec_labels(options, &spec->labels, &spec->n_labels);
	r = r ? r : options_int(options, "priority", -100, 100, &spec->priority);
	r = r ? r : read_engine(options, spec);
	r = r ? r : spec_start_at(options, &spec->start_time);
	spec->hold = options_has(options, "hold");
	r = r ? r : read_duration(options, "hold-timeout", &spec->hold_timeout);
	if (!r && spec->hold && spec->start_time)
		r = options_usage(options->command,
				  "--hold and --start-at exclude each other: a held "
				  "job starts when `pagecast resume` says so");
	if (!r && spec->hold_timeout && !spec->hold)
		r = options_usage(options->command, "--hold-timeout goes with --hold");
	r = r ? r : read_duration(options, "start-tolerance", &spec->start_tolerance);
	r = r ? r : read_duration(options, "max-duration", &spec->max_duration);
	return r ? r : read_duration(options, "lease", &spec->lease);
}

int spec_read(const struct options *options, const char *url, Pagecast__V1__JobSpec **ret_spec)
{
	Pagecast__V1__JobSpec *spec =
		MESSAGE_NEW(Pagecast__V1__JobSpec, PAGECAST__V1__JOB_SPEC__INIT);
	Pagecast__V1__Stream *stream =
		MESSAGE_NEW(Pagecast__V1__Stream, PAGECAST__V1__STREAM__INIT);
	spec->streams = util_grow(NULL, 0, sizeof(void *));
	spec->streams[0] = stream;
	spec->n_streams = 1;
	int r = read_job(options, spec);
	r = r ? r : read_stream(options, url, stream);
	if (r) {
		message_free(&spec->base);
		return r;
	}
	*ret_spec = spec;
	return 0;
}
