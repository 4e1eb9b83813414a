/* engine_table: see engine_table.h. */
#include "engine/engine_table.h"

#include "base/util.h"
#include "engine/engine_copy.h"
#include "engine/engine_splice.h"
#include "engine/engine_txring.h"
#include "engine/engine_uring.h"
#include "engine/engine_zerocopy.h"

static const struct engine_ops *const offered[] = {&engine_splice_ops, &engine_copy_ops,
						   &engine_zerocopy_ops, &engine_txring_ops,
						   &engine_uring_ops};

const struct engine_ops *engine_table_find(Pagecast__V1__EngineKind kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(offered); i++)
		if (offered[i]->kind == kind)
			return offered[i];
	return NULL;
}
