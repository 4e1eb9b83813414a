/*
 * route: which paths there are, what each verb on them means, and how a raw path is judged.
 *
 * Each protocol brings a table of its routes; the server hands the tables in. Patterns are matched
 * against the path as it was sent: nothing is decoded, so that
 * two spellings which differ to a proxy in front of the agent differ here, too. {name} stands for
 * one or more characters other than '/' and ':'. Tables are static. Thread: any.
 */
#pragma once
#include "api/http/protocol.h"
#include "api/tables/method.h"
#include "api/tables/tables.h"

#include <stdbool.h>
#include <stddef.h>

struct request;

enum route_verb {
	ROUTE_GET,
	ROUTE_HEAD,
	ROUTE_POST,
	ROUTE_PATCH,
	ROUTE_DELETE,
	ROUTE_OPTIONS,
	ROUTE_OTHER,   /* a verb of HTTP that nothing here uses: 405 */
	ROUTE_UNKNOWN, /* not a verb of HTTP: 501 */
};

enum { ROUTE_VARS_MAX = 2, ROUTE_VAR_BYTES_MAX = 128, ROUTE_STATUSES_MAX = 3 };

struct route {
	enum route_verb verb; /* HEAD goes where GET goes */
	const char *path;
	/* Answer the request. Return: true: .reply is complete; false: the request was suspended
	 * and will be resumed by someone else. */
	bool (*handle)(struct request *request);
	const struct method *method;	    /* the RPC that it calls; NULL: none */
	const struct tables_method *schema; /* what the schema says of that RPC; NULL: not needed */
	/* Which protocol answers, by the request's head. NULL: the server's fallback */
	const struct protocol *(*choose)(const struct request *request);
	const char *body; /* what the body is: "*" the request message, "spec" that field of
			     it; NULL: no body is taken */
	bool body_required;
	/* A field of the request message that the body has no place for: its proto name, and in
	 * words where it goes instead. NULL: none. */
	const char *misplaced, *misplaced_where;
	size_t body_max_bytes;
	const char *const
		*params; /* query parameters beside the request's own fields; NULL-ended */
	unsigned int statuses[ROUTE_STATUSES_MAX]; /* of success, for the API's description; none:
						      200 */
	const char *summary;			   /* what it is for, where no RPC says it */
	const char *produces; /* content type of the answer, where no RPC makes it */
	bool sse;	      /* answers as server-sent events */
	bool pcap;	      /* answers as a capture file where that is asked for */
	bool open;	      /* needs no role */
	bool holds;	      /* may suspend the request, where there is a query */
	bool blocks;	      /* runs in the pool even where the method does not block */
	/* Of a body "*": the field that may stand there alone instead, in JSON, and the member that
	 * shows that it does. NULL: none */
	const char *bare, *bare_mark;
	/* What the request message takes from elsewhere, as a header. NULL: nothing. Return: 0;
	 * code */
	int (*adjust)(struct request *request, ProtobufCMessage *message, struct error *ret_error);
	/* NULL: 200 and the message */
	void (*render)(struct request *request, const struct method_result *result);
};

struct route_list { /* of one file */
	const struct route *routes;
	size_t count;
};

struct route_header { /* a request header that a protocol reads */
	const char *name;
	bool single; /* a second one is refused */
};

struct route_table { /* what a protocol serves */
	const struct route_list *const *lists;
	size_t list_count;
	/* Paths that begin so are this protocol's, and one that has no route is refused with the
	 * code. NULL: none */
	const char *prefix;
	enum error_code unknown_path;
	/* What a page of another origin may send, and of the answer read; NULL-ended, and as the
	 * header writes it */
	const struct route_header *request_headers;
	const char *response_headers;
};

struct routes { /* all that is served */
	const struct route_table *const *tables;
	size_t count;
};

struct route_match {
	const struct route *route;
	const struct route_table *table; /* that it is of */
	struct route_var {
		char name[16];
		char value[ROUTE_VAR_BYTES_MAX + 1];
	} vars[ROUTE_VARS_MAX];
	size_t var_count;
};

/** route_verb() - the verb that a request line names */
enum route_verb route_verb(const char *method);

/** route_verb_name() - "GET"; NULL: a verb that no route has */
const char *route_verb_name(enum route_verb verb);

/** route_path_fault() - Return: NULL, or what is wrong with the path in words */
const char *route_path_fault(const char *path);

/**
 * route_find() - the route of a verb and a path
 * @ret_match: filled where there is one
 * @ret_known: whether the path exists for any verb
 *
 * Return: NULL: none
 */
const struct route *route_find(const struct routes *routes, enum route_verb verb, const char *path,
			       struct route_match *ret_match, bool *ret_known);

/** route_unknown_path() - the code that refuses a path without any route */
enum error_code route_unknown_path(const struct routes *routes, const char *path);

enum { ROUTE_ALLOW_BYTES = 64 };
/** route_allow() - the verbs of a path (NULL: of all), as the Allow header writes them */
void route_allow(const struct routes *routes, const char *path,
		 char ret_allow[static ROUTE_ALLOW_BYTES]);

/** route_var() - a variable of the path; "" where there is none of that name */
const char *route_var(const struct route_match *match, const char *name);
