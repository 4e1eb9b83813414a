/*
 * sending_virtual: the sender of sending.h as an actor of virtual_time.h, and who gives it orders
 * as another: what it does at which instant is counted, not hoped for. Include it in one file of a
 * program, as virtual_time.h.
 */
#pragma once
#include "lib/sending.h"
#include "unit/virtual_time.h"

static struct {
	struct sending *lab;
	int64_t ended_ns; /* when sender_run() came back */
} sending_virtual;

static inline void sending_virtual_run_lab(void *context)
{
	sending_run(context);
	sending_virtual.ended_ns = virtual.now_ns;
}

/** sending_virtual_begin() - time at its start; @streams of @lab as sending_init() makes them, sent
 * by the engine that needs nothing. @looked, or NULL: at each of the sender's looks at its clock */
static inline void sending_virtual_begin(struct sending *lab, size_t streams, uint64_t seed,
					 void (*looked)(void *context))
{
	virtual_begin(seed);
	memset(lab, 0, sizeof *lab);
	sending_virtual.lab = lab;
	struct virtual_actor *actor = virtual_actor(sending_virtual_run_lab, looked, lab);
	sending_init(lab, streams);
	lab->options = (struct sender_options){.clock = &actor->clock};
	lab->plan.engine = PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_COPY;
}

/** sending_virtual_run() - open unless done; all actors, until they have ended. Return: how the
 * sender ended */
static inline enum sender_end sending_virtual_run(struct sending *lab)
{
	if (!lab->sender && sending_open(lab))
		test_fail(__FILE__, __LINE__, "sender_new: %s", error_message(&lab->error));
	virtual_run();
	sending_check_books(lab);
	return lab->end;
}

/** sending_virtual_took_ns() - from the beginning to the end of the sender */
static inline int64_t sending_virtual_took_ns(void)
{
	return sending_virtual.ended_ns - VIRTUAL_START_NS;
}

/** sending_virtual_until() - an actor looks every @every_ns until @holds; a failure after a day */
static inline void sending_virtual_until(bool (*holds)(void), int64_t every_ns)
{
	int64_t begin_ns = virtual.now_ns;
	while (!holds()) {
		if (virtual.now_ns - begin_ns > 86400 * CLOCK_NS_PER_S)
			test_fail(__FILE__, __LINE__, "it did not hold within a day");
		virtual_sleep(every_ns);
	}
}
