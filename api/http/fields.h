/*
 * fields: the header fields of a request, as the standard means them: without the white space
 * around their values, and whole.
 *
 * libmicrohttpd leaves white space behind a value, and cuts values, targets and methods at a NUL
 * byte without a word. A cut shows: the pieces that it gives out lie one behind another in the
 * memory that the head was received into, so bytes between them that are neither a line's end nor
 * a separator were cut off (a folded line shows in the same way). Thread: the request's HTTP
 * thread.
 */
#pragma once
#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

enum { FIELDS_MAX = 64 };

struct field {
	const char *name, *value;
};

struct fields {
	struct field list[FIELDS_MAX];
	size_t count;
	char *text; /* owned: what the list points into */
	bool too_many;
	size_t head_bytes; /* from the request line to the empty line that ends the head */
};

/* The request line where the library has it; only compared, never read through. */
struct fields_line {
	const char *method, *target, *version;
	size_t target_len;
};

/**
 * fields_read() - copy all fields
 *
 * Return: NULL with *ret_fields (fields_free() is owed in every case); or what is wrong, static.
 */
const char *fields_read(struct MHD_Connection *mhd, const struct fields_line *line,
			struct fields *ret_fields);
void fields_free(struct fields *fields);

/** fields_get() - by name, whatever its case; the first of several. Return: NULL: absent */
const char *fields_get(const struct fields *fields, const char *name);
