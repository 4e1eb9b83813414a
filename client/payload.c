/* payload: see payload.h. */
#include "payload.h"
#include "message.h"
#include "names.h"
#include "spec.h"
#include "units.h"
#include "util.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static int read_text(const struct options *options, const char *value,
		     Pagecast__V1__Payload *payload)
{
	if (!util_is_utf8(value, strlen(value)))
		return options_bad(options, "text", value, "is not UTF-8; use --hex or --file");
	payload->content_case = PAGECAST__V1__PAYLOAD__CONTENT_TEXT;
	payload->text = util_strdup(value);
	return 0;
}

static int read_hex(const struct options *options, const char *value,
		    Pagecast__V1__Payload *payload)
{
	size_t digits = 0;
	for (const char *c = value; *c; c++) {
		if (isspace((unsigned char)*c))
			continue;
		if (!isxdigit((unsigned char)*c))
			return options_bad(options, "hex", value,
					   "is not hexadecimal; write 'de ad be ef'");
		digits++;
	}
	if (digits % 2)
		return options_bad(options, "hex", value,
				   "has %zu digits; a byte takes two of them", digits);
	payload->content_case = PAGECAST__V1__PAYLOAD__CONTENT_HEX;
	payload->hex = util_strdup(value);
	return 0;
}

static int read_file(const struct options *options, const char *value,
		     Pagecast__V1__Payload *payload)
{
	bool standard_input = strcmp(value, "-") == 0;
	_cleanup_file_ FILE *file = standard_input ? NULL : fopen(value, "re");
	struct stat status;
	if (!standard_input && !file)
		return options_bad(options, "file", value, "cannot be read: %s", strerror(errno));
	if (file && fstat(fileno(file), &status) == 0 && S_ISDIR(status.st_mode))
		return options_bad(options, "file", value, "is a directory");
	uint8_t *data = util_calloc(SPEC_MAX_BYTES + 1, 1);
	size_t len = fread(data, 1, SPEC_MAX_BYTES + 1, file ? file : stdin);
	payload->content_case = PAGECAST__V1__PAYLOAD__CONTENT_BYTES;
	payload->bytes = (ProtobufCBinaryData){len, data};
	if (ferror(file ? file : stdin))
		return options_bad(options, "file", value, "cannot be read: %s", strerror(errno));
	if (len > SPEC_MAX_BYTES)
		return options_bad(options, "file", value, "is larger than %d MiB",
				   SPEC_MAX_BYTES >> 20);
	return 0;
}

static int read_length(const struct options *options, const char *name, const char *value,
		       size_t len, uint32_t *ret_length)
{
	_cleanup_free_ char *text = util_strndup(value, len);
	uint64_t length;
	if (!units_read_count(text, &length) || length > UINT32_MAX)
		return options_bad(options, name, value,
				   "is not a number of bytes; write 512 or 1k");
	*ret_length = (uint32_t)length;
	return 0;
}

static int read_pattern(const struct options *options, const char *name, const char *value,
			Pagecast__V1__PatternKind kind, Pagecast__V1__Payload *payload)
{
	payload->content_case = PAGECAST__V1__PAYLOAD__CONTENT_PATTERN;
	payload->pattern = MESSAGE_NEW(Pagecast__V1__Pattern, PAGECAST__V1__PATTERN__INIT);
	payload->pattern->kind = kind;
	return read_length(options, name, value, strlen(value), &payload->pattern->length);
}

/* "N" or "N:SEED" */
static int read_random(const struct options *options, const char *value,
		       Pagecast__V1__Payload *payload)
{
	size_t len = strcspn(value, ":");
	payload->content_case = PAGECAST__V1__PAYLOAD__CONTENT_RANDOM;
	payload->random = MESSAGE_NEW(Pagecast__V1__RandomBytes, PAGECAST__V1__RANDOM_BYTES__INIT);
	if (value[len] && !units_read_count(value + len + 1, &payload->random->seed))
		return options_bad(options, "random", value,
				   "has a seed that is not a number; write 512:42");
	return read_length(options, "random", value, len, &payload->random->length);
}

static int read_payload(const struct options *options, const struct option_use *use,
			Pagecast__V1__Payload *payload)
{
	const char *name = use->option->name, *value = use->value;
	if (strcmp(name, "text") == 0)
		return read_text(options, value, payload);
	if (strcmp(name, "hex") == 0)
		return read_hex(options, value, payload);
	if (strcmp(name, "file") == 0)
		return read_file(options, value, payload);
	if (strcmp(name, "random") == 0)
		return read_random(options, value, payload);
	Pagecast__V1__PatternKind kind = PAGECAST__V1__PATTERN_KIND__PATTERN_KIND_ZEROS;
	if (strcmp(name, "ones") == 0)
		kind = PAGECAST__V1__PATTERN_KIND__PATTERN_KIND_ONES;
	else if (strcmp(name, "incrementing") == 0)
		kind = PAGECAST__V1__PATTERN_KIND__PATTERN_KIND_INCREMENTING;
	return read_pattern(options, name, value, kind, payload);
}

static bool is_payload(const char *name)
{
	static const char *const NAMES[] = {"text",  "hex",  "file",	    "random",
					    "zeros", "ones", "incrementing"};
	for (size_t i = 0; i < ARRAY_SIZE(NAMES); i++)
		if (strcmp(name, NAMES[i]) == 0)
			return true;
	return false;
}

static int read_repeat(const struct options *options, const char *value,
		       Pagecast__V1__Stream *stream)
{
	uint64_t repeat;
	if (!stream->n_payloads)
		return options_usage(options->command,
				     "--repeat stands behind the payload it repeats, as in --text "
				     "ping --repeat 3");
	if (!units_read_count(value, &repeat) || !repeat || repeat > UINT32_MAX)
		return options_bad(options, "repeat", value, "is not a count of 1 or more");
	stream->payloads[stream->n_payloads - 1]->repeat = (uint32_t)repeat;
	return 0;
}

/* Mixes by their names, in frames with their FCS. */
static const struct {
	const char *name, *sizes;
} MIXES[] = {
	{"imix", "64:7,570:4,1518:1"},
	{"tcp-imix", "90:5867,92:200,594:2366,1518:1567"},
	{"ipv6-imix", "60:5867,496:200,594:2366,1518:1567"},
};

static int bad_size(const struct options *options, const char *value)
{
	return options_bad(options, "size", value,
			   "is not a size; write 512, 64-1500, 64-1500/64, 64-1500/random, "
			   "64:7,570:4,1518:1, imix, tcp-imix or ipv6-imix");
}

/* Decimal digits at *text, which moves behind them. */
static bool read_digits(const char **text, uint32_t *ret_value)
{
	uint64_t value = 0;
	const char *c = *text;
	while (isdigit((unsigned char)*c) && value <= UINT32_MAX)
		value = value * 10 + (uint64_t)(*c++ - '0');
	if (c == *text || value > UINT32_MAX)
		return false;
	*text = c;
	*ret_value = (uint32_t)value;
	return true;
}

static bool skip(const char **text, char expected)
{
	if (**text != expected)
		return false;
	(*text)++;
	return true;
}

/* "MIN-MAX", "MIN-MAX/STEP", "MIN-MAX/random" */
static bool read_size_range(const char *value, Pagecast__V1__SizeRange *range)
{
	if (!read_digits(&value, &range->min) || !skip(&value, '-') ||
	    !read_digits(&value, &range->max) || range->min > range->max)
		return false;
	range->random = strcmp(value, "/random") == 0;
	if (range->random || !*value)
		return true;
	return skip(&value, '/') && read_digits(&value, &range->step) && range->step && !*value;
}

/* "SIZE:WEIGHT,SIZE:WEIGHT…" */
static bool read_size_mix(const char *value, Pagecast__V1__SizeMix *mix)
{
	do {
		Pagecast__V1__WeightedSize *one =
			MESSAGE_NEW(Pagecast__V1__WeightedSize, PAGECAST__V1__WEIGHTED_SIZE__INIT);
		mix->sizes = util_grow(mix->sizes, mix->n_sizes, sizeof(void *));
		mix->sizes[mix->n_sizes++] = one;
		if (!read_digits(&value, &one->size) || !skip(&value, ':') ||
		    !read_digits(&value, &one->weight) || !one->weight)
			return false;
	} while (skip(&value, ','));
	return !*value;
}

static int read_size(const struct options *options, Pagecast__V1__Stream *stream)
{
	const char *value = options_value(options, "size");
	int layer = PAGECAST__V1__LAYER__LAYER_UNSPECIFIED;
	int r = names_option(options, "size-layer", &pagecast__v1__layer__descriptor, &layer);
	if (r || (!value && !layer))
		return r;
	if (!value)
		return options_usage(options->command, "--size-layer without --size");
	Pagecast__V1__Size *size = stream->size =
		MESSAGE_NEW(Pagecast__V1__Size, PAGECAST__V1__SIZE__INIT);
	size->layer = (Pagecast__V1__Layer)layer;
	uint64_t fixed;
	for (size_t i = 0; i < ARRAY_SIZE(MIXES); i++)
		if (strcmp(value, MIXES[i].name) == 0) {
			if (!layer)
				size->layer = PAGECAST__V1__LAYER__LAYER_L2_FCS;
			value = MIXES[i].sizes;
		}
	if (strchr(value, '-')) {
		size->kind_case = PAGECAST__V1__SIZE__KIND_RANGE;
		size->range = MESSAGE_NEW(Pagecast__V1__SizeRange, PAGECAST__V1__SIZE_RANGE__INIT);
		return read_size_range(value, size->range) ? 0 : bad_size(options, value);
	}
	if (strchr(value, ':')) {
		size->kind_case = PAGECAST__V1__SIZE__KIND_MIX;
		size->mix = MESSAGE_NEW(Pagecast__V1__SizeMix, PAGECAST__V1__SIZE_MIX__INIT);
		return read_size_mix(value, size->mix) ? 0 : bad_size(options, value);
	}
	size->kind_case = PAGECAST__V1__SIZE__KIND_FIXED;
	if (!units_read_count(value, &fixed) || fixed > UINT32_MAX)
		return bad_size(options, value);
	size->fixed = (uint32_t)fixed;
	return 0;
}

int payload_read(const struct options *options, Pagecast__V1__Stream *stream)
{
	for (size_t i = 0; i < options->use_count; i++) {
		const struct option_use *use = &options->uses[i];
		int r = 0;
		if (strcmp(use->option->name, "repeat") == 0)
			r = read_repeat(options, use->value, stream);
		if (r)
			return r;
		if (!is_payload(use->option->name))
			continue;
		Pagecast__V1__Payload *payload =
			MESSAGE_NEW(Pagecast__V1__Payload, PAGECAST__V1__PAYLOAD__INIT);
		stream->payloads = util_grow(stream->payloads, stream->n_payloads, sizeof(void *));
		stream->payloads[stream->n_payloads++] = payload;
		r = read_payload(options, use, payload);
		if (r)
			return r;
	}
	return read_size(options, stream);
}
