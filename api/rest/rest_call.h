/*
 * rest_call: the RPC behind a route, called by REST: nothing is decided here that the RPC protocols
 * would not get too.
 *
 * Thread: whoever owns the request.
 */
#pragma once
#include "api/http/request.h"

/** rest_call() - bind, call the route's method, render. A route's .handle. Return: true (answered)
 */
bool rest_call(struct request *request);
