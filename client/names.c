/* names: see names.h. */
#include "names.h"
#include "util.h"

#include <ctype.h>
#include <string.h>

/* The length of the prefix of this type's names: what precedes UNSPECIFIED in the zero value. */
static size_t prefix_length(const ProtobufCEnumDescriptor *type)
{
	const ProtobufCEnumValue *zero = protobuf_c_enum_descriptor_get_value(type, 0);
	const char *end = zero ? strstr(zero->name, "UNSPECIFIED") : NULL;
	return end ? (size_t)(end - zero->name) : 0;
}

const char *names_upper(const ProtobufCEnumDescriptor *type, int value)
{
	static char number[16];
	const ProtobufCEnumValue *found = protobuf_c_enum_descriptor_get_value(type, value);
	if (found)
		return found->name + prefix_length(type);
	snprintf(number, sizeof number, "%d", value);
	return number;
}

static void lower(char *to, size_t size, const char *from)
{
	size_t i;
	for (i = 0; from[i] && i + 1 < size; i++) {
		to[i] = (char)tolower((unsigned char)from[i]);
		if (to[i] == '_')
			to[i] = '-';
	}
	to[i] = 0;
}

const char *names_text(const ProtobufCEnumDescriptor *type, int value)
{
	static char text[64];
	lower(text, sizeof text, names_upper(type, value));
	return text;
}

bool names_read(const ProtobufCEnumDescriptor *type, const char *text, int *ret_value)
{
	char wanted[64], name[64];
	lower(wanted, sizeof wanted, text);
	for (unsigned i = 0; i < type->n_values; i++) {
		const ProtobufCEnumValue *value = &type->values[i];
		lower(name, sizeof name, value->name + prefix_length(type));
		if (value->value == 0 || strcmp(name, wanted) != 0)
			continue;
		*ret_value = value->value;
		return true;
	}
	return false;
}

char *names_choices(const ProtobufCEnumDescriptor *type)
{
	char *list = util_strdup("");
	unsigned left = 0;
	for (unsigned i = 0; i < type->n_values; i++)
		left += type->values[i].value != 0;
	unsigned all = left;
	for (unsigned i = 0; i < type->n_values; i++) {
		if (type->values[i].value == 0)
			continue;
		const char *between = left == all ? "" : left == 1 ? " or " : ", ";
		char *longer = util_printf("%s%s%s", list, between,
					   names_text(type, type->values[i].value));
		free(list);
		list = longer;
		left--;
	}
	return list;
}

int names_option(const struct options *options, const char *name,
		 const ProtobufCEnumDescriptor *type, int *ret_value)
{
	const char *value = options_value(options, name);
	if (!value || names_read(type, value, ret_value))
		return 0;
	_cleanup_free_ char *choices = names_choices(type);
	return options_bad(options, name, value, "is not one of %s", choices);
}
