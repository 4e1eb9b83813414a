/*
 * lockout: callers with wrong tokens must wait: from the sixth in ten seconds from one address.
 *
 * Only wrong ones: many callers may share an address (NAT, one host), and one with an old token
 * must not keep the others out. It spares the log and the guesser's peers; what keeps a guesser
 * out is the 256 bits of a token.
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

/** lockout_wait_s() - how many seconds a wrong token from @address must wait. Return: 0: none */
uint32_t lockout_wait_s(struct lockout *lockout, const char *address, int64_t now_ns);
