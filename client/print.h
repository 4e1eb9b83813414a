/*
 * print: what people see. Text that came from outside is escaped (a name or an error of a server
 * must not control the terminal); colours only on a terminal and without NO_COLOR; tables.
 * Messages about what went wrong go to standard error as "pagecast: …".
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum print_colour { PRINT_PLAIN, PRINT_BOLD, PRINT_DIM, PRINT_RED, PRINT_GREEN, PRINT_YELLOW };

/** print_init() - look at the terminal and the environment; once, before anything is printed */
void print_init(void);

/** print_error() - "pagecast: …" and a newline on standard error; the caller escapes text from
 * outside */
void print_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** print_escaped() - @text without control characters: \n, \t, \x1b, \u{202e}; owned
 */
char *print_escaped(const char *text);
/** print_escaped_lines() - the same, but line breaks stay */
char *print_escaped_lines(const char *text, size_t len);

/** print_colour() - start a colour, or end it (PRINT_PLAIN), when output is coloured */
const char *print_colour(enum print_colour colour);

/**
 * print_prefixed() - a block of lines to standard output, each behind "@prefix  "
 * @prefix: NULL: unchanged
 */
void print_prefixed(const char *prefix, const char *text, size_t len);

/** print_flush() - Return: true unless standard output failed (printed once, but not for a closed
 * pipe) */
bool print_flush(void);

enum { TABLE_COLUMNS_MAX = 12 };

/* Rows of cells, aligned when printed. Cells own their text; escaped when added. */
struct table {
	const char *titles[TABLE_COLUMNS_MAX];
	uint32_t right; /* bit i: column i is right-aligned */
	size_t columns;
	char **cells; /* [rows * columns] */
	enum print_colour *colours;
	size_t count;
};
/** table_add() - the next cell, left to right, row by row; @text is copied and escaped */
void table_add(struct table *table, enum print_colour colour, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void table_print(const struct table *table, FILE *out);
void table_deinit(struct table *table);
#define _cleanup_table_ __attribute__((cleanup(table_deinit)))
