/* route: see route.h. */
#include "api/http/route.h"

#include "api/http/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const VERB_NAMES[] = {
	[ROUTE_GET] = "GET",	 [ROUTE_HEAD] = "HEAD",	    [ROUTE_POST] = "POST",
	[ROUTE_PATCH] = "PATCH", [ROUTE_DELETE] = "DELETE", [ROUTE_OPTIONS] = "OPTIONS",
};

enum route_verb route_verb(const char *method)
{
	static const char *const OTHERS[] = {"PUT", "TRACE", "CONNECT"};
	for (size_t i = 0; i < sizeof VERB_NAMES / sizeof *VERB_NAMES; i++)
		if (strcmp(method, VERB_NAMES[i]) == 0)
			return (enum route_verb)i;
	for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++)
		if (strcmp(method, OTHERS[i]) == 0)
			return ROUTE_OTHER;
	return ROUTE_UNKNOWN;
}

const char *route_verb_name(enum route_verb verb)
{
	return verb < sizeof VERB_NAMES / sizeof *VERB_NAMES ? VERB_NAMES[verb] : NULL;
}

static const char *plain_fault(const char *path)
{
	if (*path != '/')
		return "the target must be a path that begins with \"/\"";
	for (const char *at = path; *at; at++) {
		if (*at <= 0x20 || *at >= 0x7f)
			return "the path contains a byte that must be escaped as %XX";
		if (strchr("\"<>\\^`{|}#", *at))
			return "the path contains a character that is not allowed in a URL";
	}
	return NULL;
}

static const char *segment_fault(const char *path)
{
	if (strstr(path, "//"))
		return "the path contains an empty segment (\"//\")";
	for (const char *at = path; (at = strchr(at, '/'));) {
		size_t len = strcspn(++at, "/");
		if ((len == 1 && at[0] == '.') || (len == 2 && at[0] == '.' && at[1] == '.'))
			return "the path contains a \".\" or \"..\" segment";
	}
	return NULL;
}

const char *route_path_fault(const char *path)
{
	const char *fault = plain_fault(path);
	if (!fault)
		fault = segment_fault(path);
	if (fault || !strchr(path, '%'))
		return fault;
	/* What an escape hides is judged as if it stood there. */
	char *decoded = strdup(path);
	if (!decoded)
		return "out of memory";
	if (!query_unescape(decoded, false)) {
		fault = "the path contains a malformed escape or %00";
	} else {
		for (const char *at = decoded; *at && !fault; at++)
			if ((unsigned char)*at < 0x20 || *at == 0x7f || *at == '\\')
				fault = "the path contains an escaped control character";
		if (!fault)
			fault = segment_fault(decoded);
	}
	free(decoded);
	return fault;
}

static bool is_var_char(char c)
{
	return c && c != '/' && c != ':';
}

/* The value at @path of a variable that must not be empty. Return: its length; 0: there is none */
static size_t var_len(const char *path)
{
	size_t len = 0;
	while (is_var_char(path[len]))
		len++;
	return len <= ROUTE_VAR_BYTES_MAX ? len : 0;
}

static bool fits(const char *pattern, const char *path)
{
	while (*pattern) {
		if (*pattern != '{') {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		size_t len = var_len(path);
		if (!len)
			return false;
		pattern = strchr(pattern, '}') + 1;
		path += len;
	}
	return !*path;
}

/* The variables of a path that fits. */
static void take_vars(const char *pattern, const char *path, struct route_match *ret_match)
{
	ret_match->var_count = 0;
	for (; *pattern; pattern++, path++) {
		if (*pattern != '{')
			continue;
		struct route_var *var = &ret_match->vars[ret_match->var_count++];
		size_t name_len = strcspn(++pattern, "}"), len = var_len(path);
		memcpy(var->name, pattern, name_len);
		var->name[name_len] = '\0';
		memcpy(var->value, path, len);
		var->value[len] = '\0';
		pattern += name_len;
		path += len - 1;
	}
}

/* Where a walk over all routes is. */
struct route_walk {
	size_t table, list, index;
};

static const struct route *next_route(const struct routes *routes, struct route_walk *walk)
{
	for (; walk->table < routes->count; walk->table++, walk->list = 0) {
		const struct route_table *table = routes->tables[walk->table];
		for (; walk->list < table->list_count; walk->list++, walk->index = 0)
			if (walk->index < table->lists[walk->list]->count)
				return &table->lists[walk->list]->routes[walk->index++];
	}
	return NULL;
}

const struct route *route_find(const struct routes *routes, enum route_verb verb, const char *path,
			       struct route_match *ret_match, bool *ret_known)
{
	const struct route *found = NULL, *route;
	struct route_walk walk = {0};
	if (verb == ROUTE_HEAD)
		verb = ROUTE_GET;
	*ret_known = false;
	while ((route = next_route(routes, &walk))) {
		if (!fits(route->path, path))
			continue;
		*ret_known = true;
		if (route->verb != verb || found)
			continue;
		found = route;
		ret_match->table = routes->tables[walk.table];
	}
	if (!found)
		return NULL;
	ret_match->route = found;
	take_vars(found->path, path, ret_match);
	return found;
}

enum error_code route_unknown_path(const struct routes *routes, const char *path)
{
	for (size_t i = 0; i < routes->count; i++) {
		const struct route_table *table = routes->tables[i];
		if (table->prefix && strncmp(path, table->prefix, strlen(table->prefix)) == 0)
			return table->unknown_path;
	}
	return ERROR_CODE_NOT_FOUND;
}

void route_allow(const struct routes *routes, const char *path,
		 char ret_allow[static ROUTE_ALLOW_BYTES])
{
	bool verbs[sizeof VERB_NAMES / sizeof *VERB_NAMES] = {[ROUTE_OPTIONS] = true};
	struct route_walk walk = {0};
	const struct route *route;
	while ((route = next_route(routes, &walk)))
		if (!path || fits(route->path, path))
			verbs[route->verb] = true;
	verbs[ROUTE_HEAD] = verbs[ROUTE_GET];
	size_t len = 0;
	ret_allow[0] = '\0';
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (verbs[i])
			len += (size_t)snprintf(ret_allow + len, ROUTE_ALLOW_BYTES - len, "%s%s",
						len ? ", " : "", VERB_NAMES[i]);
}

const char *route_var(const struct route_match *match, const char *name)
{
	for (size_t i = 0; i < match->var_count; i++)
		if (strcmp(match->vars[i].name, name) == 0)
			return match->vars[i].value;
	return "";
}
