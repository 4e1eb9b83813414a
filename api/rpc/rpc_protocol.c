/* rpc_protocol: see rpc_protocol.h. */
#include "api/rpc/rpc_protocol.h"

const struct rpc_protocol *rpc_protocol_of(const struct request *request)
{
	return (const struct rpc_protocol *)request->protocol;
}

const struct rpc_type *rpc_protocol_type(const struct rpc_protocol *protocol,
					 const char *content_type)
{
	for (const struct rpc_type *type = protocol->types; type->name; type++)
		if (media_is(content_type, type->name))
			return type;
	return NULL;
}

const char *rpc_protocol_answer_type(const struct request *request)
{
	const struct rpc_type *type = rpc_protocol_type(rpc_protocol_of(request),
							request_header(request, "Content-Type"));
	return type ? type->name : NULL;
}
