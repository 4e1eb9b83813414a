/* headers: headers that payloads bring along, judged as if the spec had named them. */
#pragma once
#include "packet/plan.h"
#include "policy/verdict.h"

/** headers_judge() - violations at "streams[i].payloads[j]" */
void headers_judge(struct verdict *verdict, const struct plan_stream *stream);

/** headers_carrier() - does IP protocol @protocol bring an address of its own to the receiver? */
bool headers_carrier(uint8_t protocol);
