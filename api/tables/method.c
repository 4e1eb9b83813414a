/* method: see method.h. One small adaptor a call gives the agent's typed functions one shape. */
#include "api/tables/method.h"

#include "api/tables/substance.h"
#include "api/tables/tables.h"
#include "pagecast/audit.h"

#include <string.h>

#define ADAPT(function, request_type, response_type)                                               \
	static int call_##function(struct agent *agent, const struct agent_caller *caller,         \
				   const ProtobufCMessage *request, struct method_result *result,  \
				   struct error *ret_error)                                        \
	{                                                                                          \
		response_type *response = NULL;                                                    \
		int r = agent_##function(agent, caller, (const request_type *)request, &response,  \
					 ret_error);                                               \
		if (!r)                                                                            \
			result->response = &response->base;                                        \
		return r;                                                                          \
	}

ADAPT(get_job, Pagecast__V1__GetJobRequest, Pagecast__V1__Job)
ADAPT(list_jobs, Pagecast__V1__ListJobsRequest, Pagecast__V1__ListJobsResponse)
ADAPT(update_job, Pagecast__V1__UpdateJobRequest, Pagecast__V1__Job)
ADAPT(cancel_job, Pagecast__V1__CancelJobRequest, Pagecast__V1__Job)
ADAPT(pause_job, Pagecast__V1__PauseJobRequest, Pagecast__V1__Job)
ADAPT(resume_job, Pagecast__V1__ResumeJobRequest, Pagecast__V1__Job)
ADAPT(delete_job, Pagecast__V1__DeleteJobRequest, Pagecast__V1__DeleteJobResponse)
ADAPT(preview_job, Pagecast__V1__PreviewJobRequest, Pagecast__V1__PreviewJobResponse)
ADAPT(get_agent, Pagecast__V1__GetAgentRequest, Pagecast__V1__Agent)
ADAPT(get_policy, Pagecast__V1__GetPolicyRequest, Pagecast__V1__Policy)
ADAPT(list_interfaces, Pagecast__V1__ListInterfacesRequest, Pagecast__V1__ListInterfacesResponse)
ADAPT(list_engines, Pagecast__V1__ListEnginesRequest, Pagecast__V1__ListEnginesResponse)

static int call_submit_job(struct agent *agent, const struct agent_caller *caller,
			   const ProtobufCMessage *request, struct method_result *result,
			   struct error *ret_error)
{
	Pagecast__V1__Job *job = NULL;
	int r = agent_submit_job(agent, caller, (const Pagecast__V1__SubmitJobRequest *)request,
				 &job, &result->created, ret_error);
	if (!r)
		result->response = &job->base;
	return r;
}

static int call_cancel_jobs(struct agent *agent, const struct agent_caller *caller,
			    const ProtobufCMessage *request, struct method_result *result,
			    struct error *ret_error)
{
	Pagecast__V1__CancelJobsResponse *response = NULL;
	int r = agent_cancel_jobs(agent, caller, (const Pagecast__V1__CancelJobsRequest *)request,
				  &response, &result->cancelled, ret_error);
	if (!r)
		result->response = &response->base;
	return r;
}

#define SERVICE_TRANSMIT "pagecast.v1.TransmitService"
#define SERVICE_AGENT	 "pagecast.v1.AgentService"
#define MESSAGE(name)	 &pagecast__v1__##name##__descriptor

const struct method METHODS[METHOD_COUNT] = {
	[METHOD_SUBMIT_JOB] = {SERVICE_TRANSMIT, "SubmitJob", MESSAGE(submit_job_request),
			       MESSAGE(job), true, call_submit_job},
	[METHOD_GET_JOB] = {SERVICE_TRANSMIT, "GetJob", MESSAGE(get_job_request), MESSAGE(job),
			    false, call_get_job},
	[METHOD_LIST_JOBS] = {SERVICE_TRANSMIT, "ListJobs", MESSAGE(list_jobs_request),
			      MESSAGE(list_jobs_response), true, call_list_jobs},
	[METHOD_UPDATE_JOB] = {SERVICE_TRANSMIT, "UpdateJob", MESSAGE(update_job_request),
			       MESSAGE(job), true, call_update_job},
	[METHOD_CANCEL_JOB] = {SERVICE_TRANSMIT, "CancelJob", MESSAGE(cancel_job_request),
			       MESSAGE(job), true, call_cancel_job},
	[METHOD_CANCEL_JOBS] = {SERVICE_TRANSMIT, "CancelJobs", MESSAGE(cancel_jobs_request),
				MESSAGE(cancel_jobs_response), true, call_cancel_jobs},
	[METHOD_PAUSE_JOB] = {SERVICE_TRANSMIT, "PauseJob", MESSAGE(pause_job_request),
			      MESSAGE(job), true, call_pause_job},
	[METHOD_RESUME_JOB] = {SERVICE_TRANSMIT, "ResumeJob", MESSAGE(resume_job_request),
			       MESSAGE(job), true, call_resume_job},
	[METHOD_DELETE_JOB] = {SERVICE_TRANSMIT, "DeleteJob", MESSAGE(delete_job_request),
			       MESSAGE(delete_job_response), true, call_delete_job},
	[METHOD_PREVIEW_JOB] = {SERVICE_TRANSMIT, "PreviewJob", MESSAGE(preview_job_request),
				MESSAGE(preview_job_response), true, call_preview_job},
	[METHOD_WATCH_JOB] = {SERVICE_TRANSMIT, "WatchJob", MESSAGE(watch_job_request),
			      MESSAGE(job_event), false, NULL},
	[METHOD_WATCH_JOBS] = {SERVICE_TRANSMIT, "WatchJobs", MESSAGE(watch_jobs_request),
			       MESSAGE(job_event), false, NULL},
	[METHOD_GET_AGENT] = {SERVICE_AGENT, "GetAgent", MESSAGE(get_agent_request), MESSAGE(agent),
			      false, call_get_agent},
	[METHOD_GET_POLICY] = {SERVICE_AGENT, "GetPolicy", MESSAGE(get_policy_request),
			       MESSAGE(policy), false, call_get_policy},
	[METHOD_LIST_INTERFACES] = {SERVICE_AGENT, "ListInterfaces",
				    MESSAGE(list_interfaces_request),
				    MESSAGE(list_interfaces_response), true, call_list_interfaces},
	[METHOD_LIST_ENGINES] = {SERVICE_AGENT, "ListEngines", MESSAGE(list_engines_request),
				 MESSAGE(list_engines_response), false, call_list_engines},
};

const struct method *method_find(const char *service, const char *name)
{
	for (size_t i = 0; i < METHOD_COUNT; i++)
		if (strcmp(METHODS[i].name, name) == 0 && strcmp(METHODS[i].service, service) == 0)
			return &METHODS[i];
	return NULL;
}

/* The id of what a message is about; NULL: none. */
static const char *id_of(const ProtobufCMessage *message)
{
	const ProtobufCFieldDescriptor *field =
		message ? protobuf_c_message_descriptor_get_field_by_name(message->descriptor, "id")
			: NULL;
	if (!field || field->type != PROTOBUF_C_TYPE_STRING ||
	    field->label == PROTOBUF_C_LABEL_REPEATED)
		return NULL;
	return *(const char *const *)((const char *)message + field->offset);
}

static void audit(const struct method *method, const struct agent_caller *caller,
		  const ProtobufCMessage *request, const struct method_result *result, int code,
		  const struct error *error)
{
	const struct tables_method *table = tables_method(method->service, method->name);
	const char *id = id_of(request);
	struct substance substance;
	if (table && (table->no_side_effects || table->server_streaming))
		return;
	substance_read(&substance, request, result->response, &result->cancelled);
	audit_write(&(struct audit_entry){
		.principal = caller->principal,
		.accessor = caller->accessor,
		.peer = caller->peer,
		.action = method->name,
		.id = id ? id : id_of(result->response),
		.verdict = (enum error_code)code,
		.rule = code ? error->rule : NULL,
		.reason = code ? error_message(error) : NULL,
		.pairs = substance.pairs,
		.pair_count = substance.count,
	});
}

int method_call(const struct method *method, struct agent *agent, const struct agent_caller *caller,
		const ProtobufCMessage *request, struct method_result *result,
		struct error *ret_error)
{
	*result = (struct method_result){0};
	int r = method->call(agent, caller, request, result, ret_error);
	audit(method, caller, request, result, r, ret_error);
	return r;
}

/* The spec of a request that has one. */
static const ProtobufCMessage *spec_of(const ProtobufCMessage *message)
{
	const ProtobufCFieldDescriptor *field =
		protobuf_c_message_descriptor_get_field_by_name(message->descriptor, "spec");
	if (!field || field->descriptor != &pagecast__v1__job_spec__descriptor)
		return NULL;
	return *(ProtobufCMessage *const *)((const char *)message + field->offset);
}

void method_judge(void *context, const ProtobufCMessage *message, struct error *error)
{
	_cleanup_error_ struct error more = ERROR_NULL;
	bool alone = message->descriptor == &pagecast__v1__job_spec__descriptor;
	const ProtobufCMessage *spec = alone ? message : spec_of(message);
	(void)context;
	if (!spec)
		return;
	agent_check_spec((const Pagecast__V1__JobSpec *)spec, &more);
	if (!alone)
		error_nest(&more, "spec");
	error_violate_new(error, &more);
}

void method_result_deinit(struct method_result *result)
{
	if (result->response)
		protobuf_c_message_free_unpacked(result->response, NULL);
	result->response = NULL;
}
