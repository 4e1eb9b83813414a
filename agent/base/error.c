/* error: see pagecast/error.h. Allocation failures degrade the text, never the code. */
#include "pagecast/error.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const CODE_NAMES[] = {
	[ERROR_CODE_OK] = "ok",
	[ERROR_CODE_CANCELED] = "canceled",
	[ERROR_CODE_UNKNOWN] = "unknown",
	[ERROR_CODE_INVALID_ARGUMENT] = "invalid_argument",
	[ERROR_CODE_DEADLINE_EXCEEDED] = "deadline_exceeded",
	[ERROR_CODE_NOT_FOUND] = "not_found",
	[ERROR_CODE_ALREADY_EXISTS] = "already_exists",
	[ERROR_CODE_PERMISSION_DENIED] = "permission_denied",
	[ERROR_CODE_RESOURCE_EXHAUSTED] = "resource_exhausted",
	[ERROR_CODE_FAILED_PRECONDITION] = "failed_precondition",
	[ERROR_CODE_ABORTED] = "aborted",
	[ERROR_CODE_OUT_OF_RANGE] = "out_of_range",
	[ERROR_CODE_UNIMPLEMENTED] = "unimplemented",
	[ERROR_CODE_INTERNAL] = "internal",
	[ERROR_CODE_UNAVAILABLE] = "unavailable",
	[ERROR_CODE_DATA_LOSS] = "data_loss",
	[ERROR_CODE_UNAUTHENTICATED] = "unauthenticated",
};

static char *format_owned(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

static char *format_owned(const char *format, va_list args)
{
	char *text = NULL;
	if (vasprintf(&text, format, args) < 0)
		return NULL;
	return text;
}

int error_set(struct error *error, enum error_code code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	char *text =
		format_owned(format, args); /* before deinit: an argument may be the old message */
	va_end(args);
	error_deinit(error);
	error->message = text;
	error->code = code;
	return (int)code;
}

static void set_violation_message(struct error *error)
{
	const struct error_violation *first = &error->violations[0];
	size_t more = error->violation_count + error->violations_unlisted - 1;
	char *text = NULL;
	int n = more ? asprintf(&text, "%s: %s (and %zu more)", first->field, first->description,
				more)
		     : asprintf(&text, "%s: %s", first->field, first->description);
	if (n < 0)
		return;
	free(error->message);
	error->message = text;
}

void error_violate(struct error *error, const char *field, const char *format, ...)
{
	if (error->code == ERROR_CODE_OK)
		error->code = ERROR_CODE_INVALID_ARGUMENT;
	if (error->violation_count == ERROR_VIOLATIONS_MAX) {
		error->violations_unlisted++;
		set_violation_message(error);
		return;
	}
	va_list args;
	va_start(args, format);
	struct error_violation violation = {strdup(field), format_owned(format, args)};
	va_end(args);
	struct error_violation *grown = reallocarray(error->violations, error->violation_count + 1,
						     sizeof *error->violations);
	if (grown)
		error->violations = grown;
	if (!violation.field || !violation.description || !grown) {
		free(violation.field);
		free(violation.description);
		error->violations_unlisted++;
		return;
	}
	error->violations[error->violation_count++] = violation;
	set_violation_message(error);
}

void error_fact(struct error *error, const char *name, const char *format, ...)
{
	assert(error->fact_count < ERROR_FACTS_MAX);
	va_list args;
	va_start(args, format);
	char *value = format_owned(format, args);
	va_end(args);
	if (value)
		error->facts[error->fact_count++] = (struct error_fact){name, value};
}

static bool same_place(const char *a, const char *b)
{
	size_t len = strlen(a) < strlen(b) ? strlen(a) : strlen(b);
	const char *longer = strlen(a) < strlen(b) ? b : a;
	return memcmp(a, b, len) == 0 && (!longer[len] || longer[len] == '.' || longer[len] == '[');
}

void error_violate_new(struct error *error, const struct error *more)
{
	size_t listed = error->violation_count;
	for (size_t i = 0; i < more->violation_count; i++) {
		const struct error_violation *violation = &more->violations[i];
		bool known = false;
		for (size_t k = 0; k < listed && !known; k++)
			known = same_place(error->violations[k].field, violation->field);
		if (!known)
			error_violate(error, violation->field, "%s", violation->description);
	}
}

void error_nest(struct error *error, const char *name)
{
	for (size_t i = 0; i < error->violation_count; i++) {
		char **field = &error->violations[i].field, *nested = NULL;
		if (asprintf(&nested, "%s%s%s", name, **field ? "." : "", *field) < 0)
			continue;
		free(*field);
		*field = nested;
	}
	if (error->violation_count)
		set_violation_message(error);
}

void error_unnest(struct error *error, const char *name)
{
	size_t len = strlen(name);
	for (size_t i = 0; i < error->violation_count; i++) {
		char *field = error->violations[i].field;
		if (strncmp(field, name, len) == 0 && field[len] == '.')
			memmove(field, field + len + 1, strlen(field + len + 1) + 1);
	}
	if (error->violation_count)
		set_violation_message(error);
}

static void drop_repeated(struct error *error)
{
	size_t kept = 0;
	for (size_t i = 0; i < error->violation_count; i++) {
		struct error_violation violation = error->violations[i];
		size_t k = 0;
		while (k < kept &&
		       (strcmp(error->violations[k].field, violation.field) != 0 ||
			strcmp(error->violations[k].description, violation.description) != 0))
			k++;
		if (k == kept) {
			error->violations[kept++] = violation;
			continue;
		}
		free(violation.field);
		free(violation.description);
	}
	error->violation_count = kept;
}

static void rename_field(struct error *error, const char *from, const char *to, bool within)
{
	size_t len = strlen(from);
	for (size_t i = 0; i < error->violation_count; i++) {
		char **field = &error->violations[i].field, *renamed = NULL;
		if (strncmp(*field, from, len) != 0)
			continue;
		const char *rest = *field + len;
		if (*rest && !(within && (*rest == '.' || *rest == '[')))
			continue;
		if (asprintf(&renamed, "%s%s", to, rest) < 0)
			continue;
		free(*field);
		*field = renamed;
	}
	drop_repeated(error);
	if (error->violation_count)
		set_violation_message(error);
}

void error_rename(struct error *error, const char *from, const char *to)
{
	rename_field(error, from, to, false);
}

void error_rename_within(struct error *error, const char *from, const char *to)
{
	rename_field(error, from, to, true);
}

const char *error_message(const struct error *error)
{
	if (error->message)
		return error->message;
	return error->code == ERROR_CODE_OK ? "no error"
					    : "out of memory while describing the error";
}

const char *error_code_name(enum error_code code)
{
	if ((size_t)code >= sizeof CODE_NAMES / sizeof *CODE_NAMES)
		return "unknown";
	return CODE_NAMES[code];
}

void error_move(struct error *to, struct error *from)
{
	if (to == from)
		return;
	error_deinit(to);
	*to = *from;
	*from = ERROR_NULL;
}

void error_deinit(struct error *error)
{
	for (size_t i = 0; i < error->violation_count; i++) {
		free(error->violations[i].field);
		free(error->violations[i].description);
	}
	for (size_t i = 0; i < error->fact_count; i++)
		free(error->facts[i].value);
	free(error->violations);
	free(error->message);
	*error = ERROR_NULL;
}
