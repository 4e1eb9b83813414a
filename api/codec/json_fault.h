/*
 * json_fault: where a reader is in a document, and the faults it met there. Private to the JSON
 * reader.
 *
 * A place is a chain of frames on the reader's stack; its text is made only when a fault is
 * listed, so that a body of nothing but faults stays cheap.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

#include "pagecast/error.h"

/* What is quoted of a value, so that a message stays a line. */
enum { JSON_FAULT_QUOTE_MAX = 48, JSON_FAULT_PATH_MAX = 512 };

struct json_place {
	const struct json_place *parent; /* NULL: the outermost */
	const char *name;		 /* proto name, or a raw key; NULL: an element */
	size_t name_len;
	bool raw;     /* @name is text of the document, not a proto name */
	size_t index; /* of an element */
};

struct json_faults {
	struct error *error;
	const char *prefix; /* of every path, or NULL */
	size_t count;
};

/** json_fault() - one fault at @place; @format says what is wrong and what would be right */
void json_fault(struct json_faults *faults, const struct json_place *place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** json_faults_end() - Return: 0 where there was none, else the error's code, its count exact */
int json_faults_end(struct json_faults *faults);

/* A token as it is quoted in a fault: the text, cut where it is long. */
struct json_quoted {
	char text[JSON_FAULT_QUOTE_MAX + 8];
};
struct json_quoted json_fault_quote(const char *text, size_t len);
