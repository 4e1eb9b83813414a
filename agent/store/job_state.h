/* job_state: what the states of a job have in common, for the store and for what stands above it.
 */
#pragma once
#include <stdbool.h>

#include "pagecast/v1/job.pb-c.h"

/** job_state_ended() - is it one that a job never leaves? */
bool job_state_ended(Pagecast__V1__JobState state);
/** job_state_known() - is it one that a job can be in? A number from outside may be none */
bool job_state_known(Pagecast__V1__JobState state);
/** job_state_name() - as the API spells it without the prefix: "RUNNING"; static. Unknown:
 * "UNKNOWN" */
const char *job_state_name(Pagecast__V1__JobState state);
