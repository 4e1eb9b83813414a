/* engine_zerocopy: send() with MSG_ZEROCOPY. */
#pragma once
#include "engine/engine_private.h"

extern const struct engine_ops engine_zerocopy_ops;
