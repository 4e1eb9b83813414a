/* engine_splice: vmsplice() and splice(): pages by reference. */
#pragma once
#include "engine/engine_private.h"

extern const struct engine_ops engine_splice_ops;
