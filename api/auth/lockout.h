/*
 * lockout: who failed to present a good token too often is told to wait: five failures in ten
 * seconds from one address.
 *
 * A small table of addresses; when it is full the oldest entry goes, so memory is bounded and
 * guessing from many addresses costs the guessers, not the agent. Time is handed in
 * (CLOCK_MONOTONIC ns). Thread: any; one mutex inside, held for a table walk.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { LOCKOUT_FAILURES = 5, LOCKOUT_ENTRIES = 256, LOCKOUT_ADDRESS_MAX = 64 };
#define LOCKOUT_WINDOW_NS INT64_C(10000000000)

struct lockout;

struct lockout *lockout_new(void);
struct lockout *lockout_free(struct lockout *lockout);

/** lockout_failed() - one more failure from @address (text without the port) */
void lockout_failed(struct lockout *lockout, const char *address, int64_t now_ns);

/** lockout_wait_s() - how many seconds @address must wait. Return: 0: none */
uint32_t lockout_wait_s(struct lockout *lockout, const char *address, int64_t now_ns);
