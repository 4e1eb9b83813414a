/* cors: see cors.h. */
#include "api/http/cors.h"

#include "api/codec/json_buffer.h"

/* Headers that every protocol may read. */
static const char REQUEST_HEADERS[] = "Accept, Authorization, Content-Type";
static const char MAX_AGE_S[] = "600";

/* @list: consumed */
static void put_list(struct reply *reply, const char *name, struct json_buffer *list)
{
	if (list->len && !list->failed)
		reply_header(reply, name, "%.*s", (int)list->len, list->data);
	json_buffer_deinit(list);
}

static void add(struct json_buffer *list, const char *names)
{
	json_buffer_text(list, list->len ? ", " : "");
	json_buffer_text(list, names);
}

void cors_preflight(struct reply *reply, const struct routes *routes, const char *verbs)
{
	struct json_buffer headers = JSON_BUFFER_NULL;
	add(&headers, REQUEST_HEADERS);
	for (size_t i = 0; i < routes->count; i++)
		for (const struct route_header *header = routes->tables[i]->request_headers;
		     header && header->name; header++)
			add(&headers, header->name);
	reply_header(reply, "Access-Control-Allow-Methods", "%s", verbs);
	put_list(reply, "Access-Control-Allow-Headers", &headers);
	reply_header(reply, "Access-Control-Max-Age", "%s", MAX_AGE_S);
}

void cors_answer(struct reply *reply, const struct routes *routes, const char *origin)
{
	struct json_buffer headers = JSON_BUFFER_NULL;
	for (size_t i = 0; i < routes->count; i++)
		if (routes->tables[i]->response_headers)
			add(&headers, routes->tables[i]->response_headers);
	reply_header(reply, "Access-Control-Allow-Origin", "%s", origin);
	put_list(reply, "Access-Control-Expose-Headers", &headers);
}
