/* job_state: see job_state.h. */
#include "store/job_state.h"

#include <string.h>

#define STATE(name) PAGECAST__V1__JOB_STATE__JOB_STATE_##name

bool job_state_known(Pagecast__V1__JobState state)
{
	return state == STATE(QUEUED) || state == STATE(SCHEDULED) || state == STATE(RUNNING) ||
	       state == STATE(PAUSED) || job_state_ended(state);
}

bool job_state_ended(Pagecast__V1__JobState state)
{
	return state == STATE(SUCCEEDED) || state == STATE(FAILED) || state == STATE(CANCELLED) ||
	       state == STATE(INTERRUPTED);
}

const char *job_state_name(Pagecast__V1__JobState state)
{
	const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
		&pagecast__v1__job_state__descriptor, (int)state);
	return value ? value->name + strlen("JOB_STATE_") : "UNKNOWN";
}
