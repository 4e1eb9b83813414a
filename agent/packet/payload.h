/*
 * payload: one Payload of a spec: its faults, its length, its bytes.
 *
 * The check costs the spec's own length and no memory; bytes are generated only where they are
 * needed, in their final place.
 */
#pragma once
#include "packet/check.h"

#include "pagecast/v1/job_spec.pb-c.h"

/** payload_check() - faults below the path entered. Return: true with *ret_len, which may be larger
 * than any packet */
bool payload_check(struct check *check, const Pagecast__V1__Payload *payload, uint64_t *ret_len);

/** payload_write() - the first @len bytes of a payload that passed the check; zeros behind its end
 */
void payload_write(const Pagecast__V1__Payload *payload, uint8_t *out, size_t len);
