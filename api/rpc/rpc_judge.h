/*
 * rpc_judge: what the head of an RPC request says, as far as all protocols say it alike.
 *
 * Thread: the request's HTTP thread.
 */
#pragma once
#include "api/http/request.h"

/** rpc_judge_type() - note the codec of both messages. Return: false: 415 is the reply */
bool rpc_judge_type(struct request *request);

/**
 * rpc_judge_encoding() - note whether messages may be compressed
 * @encoding: the header's value, NULL: absent; @supported: the header that lists what is supported
 *
 * Return: false: "unimplemented" is the reply, as the protocol says it
 */
bool rpc_judge_encoding(struct request *request, const char *encoding, const char *supported);

/** rpc_judge_timeout() - the caller waits @timeout_ms from the request's arrival. Return: true */
bool rpc_judge_timeout(struct request *request, int64_t timeout_ms);
