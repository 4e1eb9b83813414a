/*
 * log: one line an event on standard error, key=value or JSON, for machines, and readable by
 * people.
 *
 * log_event(LOG_WARN, "policy_reload_failed", "file", path, "error", text, NULL): an event name,
 * then pairs of key and value strings, NULL at the end. A value is quoted and escaped as its format
 * demands, so nothing a request carries can forge a line: what a terminal or a viewer takes for
 * structure, or does not show, is \uXXXX in both formats, and a byte that is no UTF-8 is \ufffd.
 * Callers never pass secrets. Thread: any; a line is one write().
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_AUDIT, /* written at every configured level */
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};
enum log_format { LOG_FORMAT_KV, LOG_FORMAT_JSON };

/** log_configure() - before other threads start, or at a reload */
void log_configure(enum log_level level, enum log_format format);

/** log_level_parse() - "error" "warn" "info" "debug"; Return: 0; -EINVAL */
int log_level_parse(const char *text, enum log_level *ret_level);
int log_format_parse(const char *text, enum log_format *ret_format);

void log_event(enum log_level level, const char *event, ...) __attribute__((sentinel));

struct log_pair {
	const char *key, *value;
};
/** log_pairs() - log_event() for a number of pairs that is known at run time */
void log_pairs(enum log_level level, const char *event, const struct log_pair *pairs, size_t count);

/* Numbers as values: log_u64(…) formats into a small buffer that lives until the end of the full
 * expression's scope (a compound literal). */
const char *log_format_u64(char buffer[static 24], uint64_t value);
#define log_u64(value) log_format_u64((char[24]){0}, (value))
