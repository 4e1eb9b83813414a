/* engine_copy: sendmmsg(): the kernel copies once. */
#pragma once
#include "engine/engine_private.h"

extern const struct engine_ops engine_copy_ops;
