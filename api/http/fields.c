/* fields: see fields.h. */
#include "api/http/fields.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct reading {
	struct fields *fields;
	const char *fault;
	uintptr_t end; /* of the piece before, where the library has it */
	size_t bytes;
};

/* A line's end is "\r\n", or "\n" alone; the library wrote NULs over it. */
static bool follows_line(uintptr_t end, uintptr_t next)
{
	return next > end && next - end <= 2;
}

static enum MHD_Result measure(void *context, enum MHD_ValueKind kind, const char *name,
			       size_t name_len, const char *value, size_t value_len)
{
	struct reading *reading = context;
	(void)kind;
	if (!follows_line(reading->end, (uintptr_t)name))
		reading->fault = "the head contains a NUL byte or a folded line";
	reading->end = value ? (uintptr_t)value + value_len : (uintptr_t)name + name_len;
	reading->bytes += name_len + 1 + value_len + 1;
	return MHD_YES;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static enum MHD_Result copy(void *context, enum MHD_ValueKind kind, const char *name,
			    size_t name_len, const char *value, size_t value_len)
{
	struct reading *reading = context;
	struct fields *fields = reading->fields;
	char *at = fields->text + reading->bytes;
	(void)kind;
	if (fields->count == FIELDS_MAX) {
		fields->too_many = true;
		return MHD_NO;
	}
	while (value_len && is_blank(*value)) {
		value++;
		value_len--;
	}
	bool behind = value_len && is_blank(value[value_len - 1]);
	while (value_len && is_blank(value[value_len - 1]))
		value_len--;
	if (behind && strcasecmp(name, "Transfer-Encoding") == 0) /* the library looks, too */
		reading->fault = "white space after the value of Transfer-Encoding";
	memcpy(at, name, name_len);
	at[name_len] = '\0';
	if (value_len)
		memcpy(at + name_len + 1, value, value_len);
	at[name_len + 1 + value_len] = '\0';
	fields->list[fields->count++] = (struct field){at, at + name_len + 1};
	reading->bytes += name_len + 1 + value_len + 1;
	return MHD_YES;
}

static const char *line_fault(const struct fields_line *line)
{
	uintptr_t method = (uintptr_t)line->method, target = (uintptr_t)line->target;
	uintptr_t version = (uintptr_t)line->version;
	if (target != method + strlen(line->method) + 1)
		return "the request line has more than one space before its target, or a NUL byte";
	if (version != target + line->target_len + 1)
		return "the request line has a NUL byte in its target";
	return NULL;
}

static size_t head_bytes(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *size =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	return size ? size->header_size : 0;
}

const char *fields_read(struct MHD_Connection *mhd, const struct fields_line *line,
			struct fields *ret_fields)
{
	struct reading reading = {.fields = ret_fields, .fault = line_fault(line)};
	*ret_fields = (struct fields){.head_bytes = head_bytes(mhd)};
	reading.end = (uintptr_t)line->version + strlen(line->version);
	MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, measure, &reading);
	uintptr_t end = (uintptr_t)line->method + ret_fields->head_bytes;
	if (end < reading.end + 2 || end > reading.end + 4)
		reading.fault = "the head contains a NUL byte or a folded line";
	ret_fields->text = malloc(reading.bytes + 1);
	if (!ret_fields->text)
		return "out of memory";
	reading.bytes = 0;
	MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, copy, &reading);
	return reading.fault;
}

void fields_free(struct fields *fields)
{
	free(fields->text);
	fields->text = NULL;
	fields->count = 0;
}

const char *fields_get(const struct fields *fields, const char *name)
{
	for (size_t i = 0; i < fields->count; i++)
		if (strcasecmp(fields->list[i].name, name) == 0)
			return fields->list[i].value;
	return NULL;
}
