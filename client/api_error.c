/* api_error: see api_error.h. The only use of json-c. */
#include "api_error.h"
#include "print.h"
#include "util.h"

#include <json-c/json.h>
#include <string.h>

static const char *member(struct json_object *object, const char *name)
{
	struct json_object *value;
	if (!json_object_object_get_ex(object, name, &value) ||
	    !json_object_is_type(value, json_type_string))
		return NULL;
	return json_object_get_string(value);
}

/* details[i].debug of the entry of that @type; NULL: there is none. */
static struct json_object *find_detail(struct json_object *root, const char *type)
{
	struct json_object *details, *debug;
	if (!json_object_object_get_ex(root, "details", &details) ||
	    !json_object_is_type(details, json_type_array))
		return NULL;
	for (size_t i = 0; i < json_object_array_length(details); i++) {
		struct json_object *detail = json_object_array_get_idx(details, i);
		const char *its_type = member(detail, "type");
		if (its_type && strcmp(its_type, type) == 0 &&
		    json_object_object_get_ex(detail, "debug", &debug))
			return debug;
	}
	return NULL;
}

static struct json_object *find_violations(struct json_object *root)
{
	struct json_object *bad_request = find_detail(root, "google.rpc.BadRequest"), *violations;
	if (!json_object_object_get_ex(bad_request, "fieldViolations", &violations) ||
	    !json_object_is_type(violations, json_type_array))
		return NULL;
	return violations;
}

/* The path of a field as the user's own text has it. */
static const char *own_field(const struct api_error_origin *origin, const char *field)
{
	size_t len = origin && origin->field ? strlen(origin->field) : 0;
	return len && strncmp(field, origin->field, len) == 0 && field[len] == '.' ? field + len + 1
										   : field;
}

/* Return: owned, "field: description" */
static char *violation_text(const struct api_error_origin *origin, struct json_object *violation)
{
	const char *field = member(violation, "field");
	const char *description = member(violation, "description");
	field = own_field(origin, field ? field : "");
	return util_printf("%s%s%s", field, *field ? ": " : "", description ? description : "");
}

static bool read_number(struct json_object *metadata, const char *name, size_t *ret_number)
{
	const char *text = member(metadata, name);
	char *end = NULL;
	if (!text || *text < '0' || *text > '9')
		return false;
	*ret_number = strtoull(text, &end, 10);
	return !*end;
}

/*
 * The place where the body stops being JSON, counted in the user's own text. Return: owned; NULL:
 * this is another error, or an older agent that does not give the place as numbers.
 */
static char *invalid_json_text(const struct api_error_origin *origin, struct json_object *root)
{
	struct json_object *info = find_detail(root, "google.rpc.ErrorInfo"), *metadata;
	const char *reason = info ? member(info, "reason") : NULL;
	size_t offset, line, column;
	if (!reason || strcmp(reason, "INVALID_JSON") != 0 ||
	    !json_object_object_get_ex(info, "metadata", &metadata) ||
	    !read_number(metadata, "offset", &offset) || !read_number(metadata, "line", &line) ||
	    !read_number(metadata, "column", &column) || offset < origin->offset)
		return NULL;
	const char *fault = member(metadata, "fault");
	return util_printf("not valid JSON at offset %zu (line %zu, column %zu)%s%s",
			   offset - origin->offset, line,
			   line == 1 && column > origin->offset ? column - origin->offset : column,
			   fault ? ": " : "", fault ? fault : "");
}

/* The sentence, with places as in the user's own text. Return: owned */
static char *sentence(const struct api_error_origin *origin, struct json_object *root,
		      struct json_object *violations)
{
	size_t count = violations ? json_object_array_length(violations) : 0;
	char *text = NULL;
	if (origin && origin->field && count) {
		_cleanup_free_ char *first =
			violation_text(origin, json_object_array_get_idx(violations, 0));
		text = count > 1 ? util_printf("%s (and %zu more)", first, count - 1)
				 : util_strdup(first);
	} else if (origin && origin->field) {
		text = invalid_json_text(origin, root);
	}
	return text ? text : util_strdup(member(root, "message"));
}

bool api_error_print(const char *prefix, const char *body, const struct api_error_origin *origin)
{
	struct json_object *root = json_tokener_parse(body);
	if (!root || !member(root, "message")) {
		json_object_put(root);
		return false;
	}
	struct json_object *violations = find_violations(root);
	size_t count = violations ? json_object_array_length(violations) : 0;
	_cleanup_free_ char *text = sentence(origin, root, violations);
	_cleanup_free_ char *escaped = print_escaped(text);
	print_error("%s%s", prefix, escaped);
	for (size_t i = 0; count > 1 && i < count; i++) { /* the sentence names a single one */
		_cleanup_free_ char *one =
			violation_text(origin, json_object_array_get_idx(violations, i));
		_cleanup_free_ char *shown = print_escaped(one);
		fprintf(stderr, "  %s\n", shown);
	}
	json_object_put(root);
	return true;
}
