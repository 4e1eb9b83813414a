/*
 * engine_pipe: a pipe that pages pass through, and /dev/null for what must not leave.
 *
 * Between two hand-overs the pipe is empty: engine_pipe_settle() makes sure of it after anything
 * went wrong, by asking the kernel what is inside, never by own bookkeeping. Both ends are
 * O_NONBLOCK. Thread: one worker.
 */
#pragma once
#include "engine/engine.h"

#include <stddef.h>
#include <stdint.h>

/* 1 MiB: the most that an unprivileged process gets (pipe-max-size), room for 16 trains */
enum { ENGINE_PIPE_SLOTS = 256 };

struct engine_pipe {
	int out, in, null; /* read end, write end, /dev/null; -1: none */
	uint32_t slots;
};

#define ENGINE_PIPE_NULL ((struct engine_pipe){-1, -1, -1, 0})

/**
 * engine_pipe_open() - a pipe of up to ENGINE_PIPE_SLOTS slots: what the kernel gave is in slots
 * @slots_min: fewer are -ENOBUFS (a user with many large pipes gets new ones with two slots)
 *
 * Return: 0; negative errno: nothing left open.
 */
int engine_pipe_open(struct engine_pipe *pipe, uint32_t slots_min);
void engine_pipe_close(struct engine_pipe *pipe);

/**
 * engine_pipe_settle() - throw away whatever is inside, or replace the pipe
 *
 * Return: 0: empty; negative errno: the pipe is closed; engine_pipe_ready() opens another.
 */
int engine_pipe_settle(struct engine_pipe *pipe, struct engine_counters *counters);

/** engine_pipe_ready() - open the pipe if a settle lost it. Return: 0; negative errno */
int engine_pipe_ready(struct engine_pipe *pipe);
