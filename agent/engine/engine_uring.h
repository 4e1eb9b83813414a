/* engine_uring: UDP by io_uring, IORING_OP_SEND_ZC from registered memory. */
#pragma once
#include "engine/engine_private.h"

/* Of a ring: what is under way, and the results of a batch. */
enum { ENGINE_URING_COMPLETIONS = 2048 };

extern const struct engine_ops engine_uring_ops;
