/*
 * engine_words: what engines decided, did and met, as sentences for people. The one place where
 * they are made. Thread: any for values; the flow's worker for flows.
 */
#pragma once
#include "engine/engine.h"
#include "engine/engine_choice.h"

/** engine_words_path() - "udp: vmsplice, tee, splice; trains of 44"; cut to @size, NUL included */
void engine_words_path(const struct engine_path *path, char *text, size_t size);

/** engine_words_reason() - "eth0 has no scatter-gather: the kernel copies"; empty without one */
void engine_words_reason(const struct engine_path *path, char *text, size_t size);

/** engine_words_choice() - "auto: pages are handed over, not copied" */
void engine_words_choice(const struct engine_choice *choice, char *text, size_t size);

/** engine_words_refused() - add to @problems that @packets of @flow were refused with @error
 * (ENGINE_REFUSED) */
void engine_words_refused(const struct flow *flow, int error, uint64_t packets, const char *field,
			  struct problem_set *problems);

/**
 * engine_words_async_errors() - add to @problems what came back ("nothing listens on ...")
 * @total: of the whole stream, so that the counts in the sentences stay true
 */
void engine_words_async_errors(const struct flow *flow, const struct flow_async_errors *total,
			       const char *field, struct problem_set *problems);
