/* check: see check.h. */
#include "packet/check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"

enum { NS_PER_S = 1000000000 };

size_t check_enter(struct check *check, const char *format, ...)
{
	size_t mark = check->path_len;
	if (mark && mark < sizeof check->path - 1)
		check->path[check->path_len++] = '.';
	va_list args;
	va_start(args, format);
	size_t room = sizeof check->path - check->path_len;
	int n = vsnprintf(check->path + check->path_len, room, format, args);
	va_end(args);
	check->path_len += n < 0 ? 0 : MIN((size_t)n, room - 1);
	return mark;
}

void check_leave(struct check *check, size_t mark)
{
	check->path_len = mark;
	check->path[mark] = 0;
}

void check_fault(struct check *check, const char *field, const char *format, ...)
{
	if (check->error->violation_count == ERROR_VIOLATIONS_MAX) {
		check->unlisted++; /* a hostile spec has thousands: each costs no more than this */
		return;
	}
	char description[CHECK_FAULT_BYTES];
	va_list args;
	va_start(args, format);
	vsnprintf(description, sizeof description, format, args);
	va_end(args);
	size_t mark = check->path_len;
	if (*field)
		check_enter(check, "%s", field);
	error_violate(check->error, check->path, "%s", description);
	check_leave(check, mark);
}

size_t check_count(const struct check *check)
{
	return check->error->violation_count + check->unlisted;
}

void check_finish(struct check *check)
{
	if (!check->unlisted)
		return;
	check->error->violations_unlisted += check->unlisted - 1;
	error_violate(check->error, "", "%s", ""); /* counts the last one and renews the message */
}

bool check_range(struct check *check, const char *field, uint64_t value, uint64_t min, uint64_t max)
{
	if (value >= min && value <= max)
		return true;
	check_fault(check, field, "%" PRIu64 " is not between %" PRIu64 " and %" PRIu64, value, min,
		    max);
	return false;
}

bool check_enum(struct check *check, const char *field, const ProtobufCEnumDescriptor *descriptor,
		int value)
{
	if (protobuf_c_enum_descriptor_get_value(descriptor, value))
		return true;
	char names[200] = "";
	size_t len = 0;
	for (unsigned int i = 0; i < descriptor->n_values; i++) {
		const ProtobufCEnumValue *known = &descriptor->values[i];
		if (!known->value)
			continue;
		int n = snprintf(names + len, sizeof names - len, "%s%s", len ? ", " : "",
				 known->name);
		if (n < 0 || (size_t)n >= sizeof names - len)
			break;
		len += (size_t)n;
	}
	names[len] = 0;
	check_fault(check, field, "%d is not one of %s", value, names);
	return false;
}

bool check_text(struct check *check, const char *field, const char *text, size_t bytes_max)
{
	size_t len = strlen(text);
	if (len <= bytes_max)
		return true;
	check_fault(check, field, "%s has %zu bytes, more than %zu", check_quoted(text), len,
		    bytes_max);
	return false;
}

/* "-1.5 s": seconds and nanoseconds of one sign */
static const char *format_seconds(char buffer[static 48], int64_t seconds, int32_t nanos)
{
	if (!nanos) {
		snprintf(buffer, 48, "%" PRId64 " s", seconds);
		return buffer;
	}
	char fraction[16];
	int len = snprintf(fraction, sizeof fraction, "%09d", nanos < 0 ? -nanos : nanos);
	while (len > 1 && fraction[len - 1] == '0')
		fraction[--len] = 0;
	snprintf(buffer, 48, "%s%" PRIu64 ".%s s", seconds < 0 || nanos < 0 ? "-" : "",
		 seconds < 0 ? -(uint64_t)seconds : (uint64_t)seconds, fraction);
	return buffer;
}

bool check_duration(struct check *check, const char *field,
		    const Google__Protobuf__Duration *duration, int64_t min_ns, int64_t *ret_ns)
{
	int64_t seconds = duration ? duration->seconds : 0;
	int32_t nanos = duration ? duration->nanos : 0;
	char shown[48], least[48];
	if (nanos <= -NS_PER_S || nanos >= NS_PER_S) {
		check_fault(check, field, "nanos %d are not between -999999999 and 999999999",
			    nanos);
		return false;
	}
	if ((seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0)) {
		check_fault(check, field, "seconds %" PRId64 " and nanos %d differ in sign",
			    seconds, nanos);
		return false;
	}
	bool within = seconds >= -CHECK_DURATION_SECONDS_MAX &&
		      (seconds < CHECK_DURATION_SECONDS_MAX ||
		       (seconds == CHECK_DURATION_SECONDS_MAX && !nanos));
	if (!within || seconds * NS_PER_S + nanos < min_ns) {
		format_seconds(least, min_ns / NS_PER_S, (int32_t)(min_ns % NS_PER_S));
		check_fault(check, field, "%s is not between %s and %" PRId64 " s",
			    format_seconds(shown, seconds, nanos), least,
			    CHECK_DURATION_SECONDS_MAX);
		return false;
	}
	*ret_ns = seconds * NS_PER_S + nanos;
	return true;
}

bool check_timestamp(struct check *check, const char *field,
		     const Google__Protobuf__Timestamp *timestamp, int64_t *ret_ns)
{
	if (timestamp->nanos < 0 || timestamp->nanos >= NS_PER_S) {
		check_fault(check, field, "nanos %d are not between 0 and 999999999",
			    timestamp->nanos);
		return false;
	}
	if (timestamp->seconds < 0 || timestamp->seconds > CHECK_SECONDS_MAX) {
		check_fault(check, field,
			    "%" PRId64 " s since 1970 is not between 1970-01-01T00:00:00Z and "
			    "2262-04-11T23:47:15Z",
			    timestamp->seconds);
		return false;
	}
	int64_t ns = timestamp->seconds * NS_PER_S + timestamp->nanos;
	*ret_ns = ns ? ns : 1; /* 0 means "none" in a plan; both are long past */
	return true;
}

void check_not_offered(struct check *check, const char *field, bool present)
{
	if (present)
		check_fault(check, field, "not offered by this version of the agent");
}

const char *check_quote(char buffer[static CHECK_QUOTE_BYTES], const char *text)
{
	static const char MORE[] = "…";
	size_t room = CHECK_QUOTE_BYTES - sizeof MORE - 2; /* two quotes */
	size_t len = strlen(text);
	if (len <= room) {
		snprintf(buffer, CHECK_QUOTE_BYTES, "\"%s\"", text);
		return buffer;
	}
	while (room && ((unsigned char)text[room] & 0xc0) == 0x80)
		room--;
	snprintf(buffer, CHECK_QUOTE_BYTES, "\"%.*s%s\"", (int)room, text, MORE);
	return buffer;
}
