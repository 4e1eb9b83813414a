/*
 * thread: the HTTP side's own threads: small stacks, and every signal blocked, so that signals stay
 * with main().
 */
#pragma once
#include <pthread.h>
#include <signal.h>
#include <stdint.h>

/** thread_start() - run @run(@context). Return: 0; a positive errno */
int thread_start(pthread_t *ret_thread, void *(*run)(void *), void *context);

/** thread_block_signals() - all of them, for threads that a library starts; *ret_old to restore */
void thread_block_signals(sigset_t *ret_old);

/** thread_now_ns(), thread_now_ms() - CLOCK_MONOTONIC */
int64_t thread_now_ns(void);
int64_t thread_now_ms(void);
