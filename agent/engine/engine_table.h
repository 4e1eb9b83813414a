/* engine_table: the whole list of engines that this version offers. A new one is a row here. */
#pragma once
#include "engine/engine_private.h"

/** engine_table_find() - the ops of @kind, or NULL: not offered */
const struct engine_ops *engine_table_find(Pagecast__V1__EngineKind kind);
