/* engine: making and driving engines and flows; see engine.h. */
#include "engine/engine_private.h"

#include "base/util.h"
#include "engine/engine_table.h"
#include "engine/source_port.h"

#include <assert.h>
#include <errno.h>

int engine_new(struct engine **ret_engine, Pagecast__V1__EngineKind kind, const struct plan *plan)
{
	const struct engine_ops *ops = engine_table_find(kind);
	if (!ops)
		return -EOPNOTSUPP;
	struct engine *engine = calloc(1, ops->engine_bytes);
	if (!engine)
		return -ENOMEM;
	engine->ops = ops;
	engine->layout = plan->layout;
	engine->page_offset = plan->page_offset;
	int r = ops->init(engine, plan);
	if (r < 0) {
		free(engine);
		return r;
	}
	*ret_engine = engine;
	return 0;
}

struct engine *engine_free(struct engine *engine)
{
	if (engine) {
		engine->ops->deinit(engine);
		free(engine);
	}
	return NULL;
}

int flow_open(struct flow **ret_flow, struct engine *engine, const struct plan_stream *stream,
	      const char *field, struct problem_set *problems)
{
	struct flow *flow = calloc(1, engine->ops->flow_bytes);
	if (!flow)
		return -ENOMEM;
	flow->engine = engine;
	flow->stream = stream;
	flow->fd = flow->room_fd = -1;
	int r = engine->ops->flow_init(flow, field, problems);
	if (r < 0) {
		flow_close(flow);
		return r;
	}
	*ret_flow = flow;
	return 0;
}

struct flow *flow_close(struct flow *flow)
{
	if (flow) {
		flow->engine->ops->flow_deinit(flow);
		util_close_fd(&flow->fd);
		source_port_give_back(flow->source_port);
		free(flow);
	}
	return NULL;
}

struct train_limits flow_limits(const struct flow *flow)
{
	return flow->limits;
}

const struct engine_path *flow_path(const struct flow *flow)
{
	return &flow->path;
}

uint32_t flow_fillings(const struct flow *flow)
{
	const struct engine_ops *ops = flow->engine->ops;
	return ops->fillings ? ops->fillings(flow) : 1;
}

bool flow_let_go(struct flow *flow, uint32_t slot)
{
	const struct engine_ops *ops = flow->engine->ops;
	return ops->let_go && ops->let_go(flow, slot);
}

int flow_load(struct flow *flow, const struct trains *trains)
{
	assert(!trains || trains->count > 0);
	flow->trains = trains;
	return flow->engine->ops->load(flow);
}

void flow_send(struct flow *flow, struct train_cursor *cursor, uint64_t packets_max,
	       struct engine_result *ret_result, struct engine_counters *counters)
{
	assert(packets_max > 0 && !trains_at_end(flow->trains, cursor));
	*ret_result = (struct engine_result){.outcome = ENGINE_DONE};
	counters->syscalls += flow->owed.syscalls;
	counters->pages += flow->owed.pages;
	flow->owed = (struct engine_counters){0};
	flow->engine->ops->send(flow, cursor, MIN(packets_max, (uint64_t)FLOW_SEND_PACKETS_MAX),
				ret_result, counters);
}
