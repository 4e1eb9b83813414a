/* problem: see problem.h. */
#include "base/problem.h"

#include "base/util.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

static const char *const code_names[] = {
	[PROBLEM_ENGINE_UNAVAILABLE] = "engine_unavailable",
	[PROBLEM_NO_ROUTE] = "no_route",
	[PROBLEM_NO_NEIGHBOUR] = "no_neighbour",
	[PROBLEM_PORT_UNREACHABLE] = "port_unreachable",
	[PROBLEM_MESSAGE_TOO_LONG] = "message_too_long",
	[PROBLEM_PERMISSION] = "permission",
	[PROBLEM_INTERFACE_DOWN] = "interface_down",
	[PROBLEM_INTERFACE_GONE] = "interface_gone",
	[PROBLEM_ADDRESS_GONE] = "address_gone",
	[PROBLEM_NO_ROOM] = "no_room",
	[PROBLEM_MAX_DURATION] = "max_duration",
	[PROBLEM_START_MISSED] = "start_missed",
	[PROBLEM_HOLD_EXPIRED] = "hold_expired",
	[PROBLEM_NOT_STARTED] = "not_started",
	[PROBLEM_LEASE_EXPIRED] = "lease_expired",
	[PROBLEM_ACCOUNT_FROM_SNAPSHOT] = "account_from_snapshot",
	[PROBLEM_RATE_NOT_HELD] = "rate_not_held",
	[PROBLEM_NOT_STORED] = "not_stored",
	[PROBLEM_DAMAGED] = "damaged",
	[PROBLEM_KERNEL_ERROR] = "kernel_error",
};
_Static_assert(ARRAY_SIZE(code_names) == PROBLEM_CODE_COUNT, "a name for each code");

const char *problem_code_name(enum problem_code code)
{
	return (unsigned int)code < PROBLEM_CODE_COUNT ? code_names[code] : "kernel_error";
}

/* The one of this code and field, a new one with count 0, or NULL: the set is full. */
static struct problem *find(struct problem_set *set, enum problem_code code, const char *field)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->problems[i].code == code && strcmp(set->problems[i].field, field) == 0)
			return &set->problems[i];
	if (set->count == PROBLEM_SET_MAX) {
		set->unlisted++;
		return NULL;
	}
	struct problem *problem = &set->problems[set->count++];
	*problem = (struct problem){.code = code};
	snprintf(problem->field, sizeof problem->field, "%s", field);
	return problem;
}

static struct problem *put(struct problem_set *set, enum problem_code code,
			   enum problem_severity severity, const char *field, int error,
			   const char *format, va_list args) __attribute__((format(printf, 6, 0)));

static struct problem *put(struct problem_set *set, enum problem_code code,
			   enum problem_severity severity, const char *field, int error,
			   const char *format, va_list args)
{
	char cut[PROBLEM_FIELD_MAX]; /* as it is stored, so that a long one is found again */
	snprintf(cut, sizeof cut, "%s", field ? field : "");
	struct problem *problem = find(set, code, cut);
	if (!problem)
		return NULL;
	problem->severity = MAX(problem->severity, severity);
	problem->error = error;
	vsnprintf(problem->message, sizeof problem->message, format, args);
	return problem;
}

void problem_add(struct problem_set *set, enum problem_code code, enum problem_severity severity,
		 const char *field, int error, uint64_t count, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	struct problem *problem = put(set, code, severity, field, error, format, args);
	va_end(args);
	if (problem && __builtin_add_overflow(problem->count, count, &problem->count))
		problem->count = UINT64_MAX;
}

void problem_put(struct problem_set *set, enum problem_code code, enum problem_severity severity,
		 const char *field, int error, uint64_t count, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	struct problem *problem = put(set, code, severity, field, error, format, args);
	va_end(args);
	if (problem)
		problem->count = count;
}

const char *errno_name(int error)
{
	const char *name = error > 0 ? strerrorname_np(error) : NULL;
	return name ? name : "E?";
}

bool problem_set_has_error(const struct problem_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->problems[i].severity == PROBLEM_ERROR)
			return true;
	return false;
}
