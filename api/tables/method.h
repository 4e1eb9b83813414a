/*
 * method: what each RPC of the schema does: whether it blocks, and the agent's function behind it,
 * which also judges the caller's role. REST, Connect and gRPC-Web all come down to method_call().
 *
 * Static and immutable. Thread: any; a blocking method must not be called on an HTTP thread.
 */
#pragma once
#include "pagecast/agent.h"

#include <stdbool.h>

struct method_result {
	ProtobufCMessage *response;	  /* owned */
	bool created;			  /* SubmitJob: the job is new */
	struct agent_cancelled cancelled; /* CancelJobs: which jobs, for the audit log */
};

struct method {
	const char *service; /* as in tables.h */
	const char *name;
	const ProtobufCMessageDescriptor *request;
	const ProtobufCMessageDescriptor *response;
	bool blocks; /* waits for the store or a sender, or may take milliseconds */
	/* NULL: answered by an event stream */
	int (*call)(struct agent *agent, const struct agent_caller *caller,
		    const ProtobufCMessage *request, struct method_result *result,
		    struct error *ret_error);
};

enum method_id {
	METHOD_SUBMIT_JOB,
	METHOD_GET_JOB,
	METHOD_LIST_JOBS,
	METHOD_UPDATE_JOB,
	METHOD_CANCEL_JOB,
	METHOD_CANCEL_JOBS,
	METHOD_PAUSE_JOB,
	METHOD_RESUME_JOB,
	METHOD_DELETE_JOB,
	METHOD_PREVIEW_JOB,
	METHOD_WATCH_JOB,
	METHOD_WATCH_JOBS,
	METHOD_GET_AGENT,
	METHOD_GET_POLICY,
	METHOD_LIST_INTERFACES,
	METHOD_LIST_ENGINES,
	METHOD_COUNT,
};

extern const struct method METHODS[METHOD_COUNT];

/** method_find() - by full service name and method name. Return: NULL: unknown */
const struct method *method_find(const char *service, const char *name);

/**
 * method_call() - ask the agent, and audit it if it is to change something
 * @request: a message of method->request; borrowed
 * @result:  .response owned by the caller on success; method_result_deinit()
 *
 * Return: 0; an error_code with *ret_error filled.
 */
int method_call(const struct method *method, struct agent *agent, const struct agent_caller *caller,
		const ProtobufCMessage *request, struct method_result *result,
		struct error *ret_error);

/**
 * method_judge() - a json_read_options.judge: a spec that has faults of form is judged by what it
 * says as well, alone or inside a request
 */
void method_judge(void *context, const ProtobufCMessage *message, struct error *error);

void method_result_deinit(struct method_result *result);
