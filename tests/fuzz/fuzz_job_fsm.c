/* Any order of events: a job stays in the schema's states, and what has ended stays ended. */
#include "core/job/job_fsm.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Pagecast__V1__JobState state = PAGECAST__V1__JOB_STATE__JOB_STATE_QUEUED;
	for (size_t i = 0; i < size; i++) {
		Pagecast__V1__JobState next =
			job_fsm(state, (enum job_event)(data[i] % JOB_EVENT_COUNT));
		if (next == PAGECAST__V1__JOB_STATE__JOB_STATE_UNSPECIFIED)
			continue; /* not allowed here: the job is as it was */
		FUZZ_CHECK(protobuf_c_enum_descriptor_get_value(
			&pagecast__v1__job_state__descriptor, (int)next));
		FUZZ_CHECK(!job_state_ended(state) || next == state);
		state = next;
	}
	return 0;
}
