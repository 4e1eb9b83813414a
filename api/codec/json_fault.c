/* json_fault: see json_fault.h. */
#include "api/codec/json_fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api/codec/json_name.h"
#include "api/codec/utf8.h"

struct path {
	char text[JSON_FAULT_PATH_MAX];
	size_t len;
};

static void path_add(struct path *path, const char *text, size_t len)
{
	size_t room = sizeof path->text - 1 - path->len;
	if (len > room)
		len = room;
	memcpy(path->text + path->len, text, len);
	path->len += len;
	path->text[path->len] = '\0';
}

static void path_add_place(struct path *path, const struct json_place *place)
{
	char part[JSON_NAME_MAX];
	if (place->parent)
		path_add_place(path, place->parent);
	if (!place->name && !place->parent)
		return; /* the document itself */
	if (!place->name) {
		path_add(path, part, (size_t)snprintf(part, sizeof part, "[%zu]", place->index));
		return;
	}
	if (path->len && path->text[path->len - 1] != '.')
		path_add(path, ".", 1);
	if (place->raw) {
		struct json_quoted quoted = json_fault_quote(place->name, place->name_len);
		path_add(path, place->name_len ? quoted.text : "\"\"",
			 place->name_len ? strlen(quoted.text) : 2);
	} else {
		path_add(path, part, json_name_camel(place->name, part));
	}
}

void json_fault(struct json_faults *faults, const struct json_place *place, const char *format, ...)
{
	if (faults->count++ >= ERROR_VIOLATIONS_MAX)
		return;
	struct path path = {.len = 0};
	char description[768];
	if (faults->prefix)
		path_add(&path, faults->prefix, strlen(faults->prefix));
	path_add_place(&path, place);
	va_list args;
	va_start(args, format);
	vsnprintf(description, sizeof description, format, args);
	va_end(args);
	if (place->parent)
		error_violate(faults->error, path.text, "%s", description);
	else /* of the document itself: no field to name */
		error_set(faults->error, ERROR_CODE_INVALID_ARGUMENT, "%s", description);
}

int json_faults_end(struct json_faults *faults)
{
	if (!faults->count)
		return 0;
	if (faults->count > ERROR_VIOLATIONS_MAX) {
		faults->error->violations_unlisted += faults->count - ERROR_VIOLATIONS_MAX - 1;
		error_violate(faults->error, "", "more"); /* the list is full: only counted */
	}
	return (int)faults->error->code;
}

struct json_quoted json_fault_quote(const char *text, size_t len)
{
	struct json_quoted quoted;
	size_t n = 0;
	while (n < len && n < JSON_FAULT_QUOTE_MAX) {
		size_t step = utf8_sequence(text + n, len - n);
		if (!step || n + step > JSON_FAULT_QUOTE_MAX)
			break;
		n += step;
	}
	memcpy(quoted.text, text, n);
	strcpy(quoted.text + n, n < len ? "…" : "");
	return quoted;
}
