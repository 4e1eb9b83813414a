/*
 * settings: what pagecastd can be set to: the table of its options, their checks, and their values
 * as numbers. See base/config.h for where a setting comes from. Thread: the main one.
 */
#pragma once
#include "base/config.h"
#include "pagecast/agent.h"

#include <stdint.h>

enum { SETTINGS_PIN_MAX = AGENT_WORKERS_MAX }; /* a CPU for each worker */

/** settings_load() - from command line (@arguments, without the program's name), environment and
 * file. Return: 0; INVALID_ARGUMENT with the place of the fault */
int settings_load(struct config *ret_config, const char *const *arguments, size_t count,
		  const char *const *environment, struct error *ret_error);
void settings_print_help(void);

/** settings_workers(), settings_history_jobs(), settings_history_age_s() - as they were checked */
uint32_t settings_workers(const struct config *config);
uint32_t settings_history_jobs(const struct config *config);
uint64_t settings_history_age_s(const struct config *config);
/** settings_pin() - the CPUs that workers run on, in turn. Return: how many; 0: any */
size_t settings_pin(const struct config *config, int ret_cpus[static SETTINGS_PIN_MAX]);
