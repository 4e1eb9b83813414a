/*
 * account: what became of the packets of a stream and of a job. requested = sent + dropped + failed
 * + cancelled once ended.
 *
 * `balanced` is computed from the counters, never asserted. Thread: the worker writes, others read
 * copies.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct account {
	uint64_t packets_requested; /* the limit in packets; where it names none: what was attempted
				     */
	uint64_t packets_sent;
	uint64_t packets_dropped;
	uint64_t packets_failed;
	uint64_t packets_cancelled;
	uint64_t bytes_sent;
	uint64_t syscalls;
	uint64_t pages;
};

/** account_add() - @into += @from, for the job's account from its streams' */
void account_add(struct account *into, const struct account *from);
/** account_close() - what was requested and not attempted is cancelled; with @open_ended requested
 * = attempted */
void account_close(struct account *account, bool open_ended);
bool account_balanced(const struct account *account);
uint64_t account_attempted(const struct account *account);
