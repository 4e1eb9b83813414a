/*
 * target: where `send` sends to: udp://192.0.2.1:9000, udp://[2001:db8::1]:9000,
 * ip://192.0.2.1?proto=253, eth://eth0/02:00:00:00:00:01; with the flags that belong to it.
 * Addresses are literals: neither agent nor client resolves host names, because a name may mean
 * another host on the agent's network.
 */
#pragma once
#include "options.h"

#include "pagecast/v1/job_spec.pb-c.h"

/**
 * target_read() - the stream's destination from the URL and the flags
 * @stream: gets a destination it owns, also when the flags are wrong
 *
 * Return: 0; EXIT_USAGE, printed.
 */
int target_read(const struct options *options, const char *url, Pagecast__V1__Stream *stream);
