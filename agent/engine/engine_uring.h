/* engine_uring: UDP by io_uring, IORING_OP_SEND_ZC from registered memory. */
#pragma once
#include "engine/engine_private.h"

extern const struct engine_ops engine_uring_ops;
