/* json_name: see json_name.h. */
#include "api/codec/json_name.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

size_t json_name_camel(const char *proto_name, char out[JSON_NAME_MAX])
{
	size_t n = 0;
	for (const char *p = proto_name; *p && n < JSON_NAME_MAX - 1; p++) {
		if (*p != '_')
			out[n++] = *p;
		else if (p[1] >= 'a' && p[1] <= 'z')
			out[n++] = (char)(*++p - 'a' + 'A');
	}
	out[n] = '\0';
	return n;
}

bool json_name_is(const char *proto_name, const char *name, size_t len)
{
	if (!len || *proto_name != *name) /* first letters agree in both spellings */
		return false;
	if (strlen(proto_name) == len && memcmp(proto_name, name, len) == 0)
		return true;
	char camel[JSON_NAME_MAX];
	return json_name_camel(proto_name, camel) == len && memcmp(camel, name, len) == 0;
}

const ProtobufCFieldDescriptor *json_name_field(const ProtobufCMessageDescriptor *type,
						const char *name, size_t len)
{
	for (unsigned i = 0; i < type->n_fields; i++)
		if (json_name_is(type->fields[i].name, name, len))
			return &type->fields[i];
	return NULL;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;
	return least < c ? least : c;
}

/* Edits (insert, drop, replace, swap of neighbours) from one name to the other, case ignored;
 * both at most JSON_NAME_MAX long. */
static size_t edits(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][JSON_NAME_MAX + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];
	for (size_t j = 0; j <= b_len; j++)
		above[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			int x = tolower((unsigned char)a[i - 1]),
			    y = tolower((unsigned char)b[j - 1]);
			row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
			    y == tolower((unsigned char)a[i - 2]) && before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		size_t *spare = before;
		before = above;
		above = row;
		row = spare;
	}
	return above[b_len];
}

/* A third of the name may be wrong; a name that begins with what was written is near too. */
static bool nearer(const char *candidate, const char *name, size_t len, size_t *best)
{
	size_t candidate_len = strlen(candidate);
	size_t distance = edits(name, len, candidate, candidate_len);
	if (len >= 3 && len < candidate_len && strncasecmp(candidate, name, len) == 0)
		distance = 1;
	if (distance > (len + 2) / 3 || distance >= *best)
		return false;
	*best = distance;
	return true;
}

bool json_name_near_field(const ProtobufCMessageDescriptor *type, const char *name, size_t len,
			  char out[JSON_NAME_MAX])
{
	size_t best = JSON_NAME_MAX;
	if (len > JSON_NAME_MAX)
		return false;
	for (unsigned i = 0; i < type->n_fields; i++) {
		char camel[JSON_NAME_MAX];
		json_name_camel(type->fields[i].name, camel);
		if (nearer(camel, name, len, &best))
			strcpy(out, camel);
	}
	return best < JSON_NAME_MAX;
}

/* Does @value_name begin with the enum's name in CAPITALS_? Return: length of that; 0: no. */
static size_t prefix_len(const ProtobufCEnumDescriptor *type, const char *value_name)
{
	size_t n = 0;
	for (const char *p = type->short_name; *p; p++) {
		if (p > type->short_name && isupper((unsigned char)*p) && value_name[n++] != '_')
			return 0;
		if (value_name[n++] != toupper((unsigned char)*p))
			return 0;
	}
	return value_name[n] == '_' ? n + 1 : 0;
}

const char *json_name_enum_short(const ProtobufCEnumDescriptor *type,
				 const ProtobufCEnumValue *value)
{
	return value->name + prefix_len(type, value->name);
}

static bool same_word(const char *word, const char *name, size_t len)
{
	return strlen(word) == len && strncasecmp(word, name, len) == 0;
}

const ProtobufCEnumValue *json_name_enum(const ProtobufCEnumDescriptor *type, const char *name,
					 size_t len)
{
	for (unsigned i = 0; i < type->n_value_names; i++) {
		const ProtobufCEnumValue *value = &type->values[type->values_by_name[i].index];
		if (same_word(type->values_by_name[i].name, name, len) ||
		    same_word(json_name_enum_short(type, value), name, len))
			return value;
	}
	return NULL;
}
