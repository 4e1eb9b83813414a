/* variation: see variation.h. */
#include "variation.h"
#include "message.h"
#include "util.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

/* A decimal or 0x number at *text, which moves behind it. */
static bool read_number(const char **text, uint64_t *ret_value)
{
	char *end;
	if (!isdigit((unsigned char)**text))
		return false;
	bool hex = (*text)[0] == '0' && ((*text)[1] == 'x' || (*text)[1] == 'X');
	errno = 0;
	*ret_value = strtoull(*text, &end, hex ? 16 : 10);
	if (errno || (hex && end == *text + 1))
		return false;
	*text = end;
	return true;
}

static bool read_u32(const char **text, uint32_t *ret_value)
{
	uint64_t value;
	if (!read_number(text, &value) || value > UINT32_MAX)
		return false;
	*ret_value = (uint32_t)value;
	return true;
}

/* With a sign, as a step may have. */
static bool read_signed(const char **text, int64_t *ret_value)
{
	bool negative = **text == '-';
	uint64_t value;
	*text += negative;
	if (!read_number(text, &value) || value > (uint64_t)INT64_MAX + negative)
		return false;
	*ret_value = negative ? (int64_t)-value : (int64_t)value;
	return true;
}

static bool skip(const char **text, const char *expected)
{
	size_t len = strlen(expected);
	if (strncmp(*text, expected, len) != 0)
		return false;
	*text += len;
	return true;
}

/* "START:STEP[:COUNT]" */
static bool read_counter(const char **text, Pagecast__V1__Counter *counter)
{
	return read_number(text, &counter->start) && skip(text, ":") &&
	       read_signed(text, &counter->step) &&
	       (!skip(text, ":") || (read_number(text, &counter->count) && counter->count));
}

/* "MIN-MAX[:SEED]" */
static bool read_random(const char **text, Pagecast__V1__RandomValue *random)
{
	return read_number(text, &random->min) && skip(text, "-") &&
	       read_number(text, &random->max) && random->min <= random->max &&
	       (!skip(text, ":") || read_number(text, &random->seed));
}

/* "V,V…" */
static bool read_list(const char **text, Pagecast__V1__ValueList *list)
{
	do {
		uint64_t value;
		if (!read_number(text, &value))
			return false;
		list->values = util_grow(list->values, list->n_values, sizeof *list->values);
		list->values[list->n_values++] = value;
	} while (skip(text, ","));
	return true;
}

static bool read_kind(const char **text, Pagecast__V1__Modifier *modifier)
{
	if (skip(text, "counter:")) {
		modifier->kind_case = PAGECAST__V1__MODIFIER__KIND_COUNTER;
		modifier->counter = MESSAGE_NEW(Pagecast__V1__Counter, PAGECAST__V1__COUNTER__INIT);
		return read_counter(text, modifier->counter);
	}
	if (skip(text, "random:")) {
		modifier->kind_case = PAGECAST__V1__MODIFIER__KIND_RANDOM;
		modifier->random =
			MESSAGE_NEW(Pagecast__V1__RandomValue, PAGECAST__V1__RANDOM_VALUE__INIT);
		return read_random(text, modifier->random);
	}
	if (skip(text, "list:")) {
		modifier->kind_case = PAGECAST__V1__MODIFIER__KIND_LIST;
		modifier->list =
			MESSAGE_NEW(Pagecast__V1__ValueList, PAGECAST__V1__VALUE_LIST__INIT);
		return read_list(text, modifier->list);
	}
	return false;
}

/* "OFFSET/BITS[&MASK]=KIND[/EVERY]" */
static bool read_modifier(const char *text, Pagecast__V1__Modifier *modifier)
{
	modifier->target_case = PAGECAST__V1__MODIFIER__TARGET_OFFSET;
	return read_u32(&text, &modifier->offset) && skip(&text, "/") &&
	       read_u32(&text, &modifier->width_bits) &&
	       (!skip(&text, "&") || (read_number(&text, &modifier->mask) && modifier->mask)) &&
	       skip(&text, "=") && read_kind(&text, modifier) &&
	       (!skip(&text, "/") || (read_u32(&text, &modifier->every) && modifier->every)) &&
	       !*text;
}

static int read_modifiers(const struct options *options, Pagecast__V1__Stream *stream)
{
	for (size_t i = 0; i < options->use_count; i++) {
		const struct option_use *use = &options->uses[i];
		if (strcmp(use->option->name, "modify") != 0)
			continue;
		Pagecast__V1__Modifier *modifier =
			MESSAGE_NEW(Pagecast__V1__Modifier, PAGECAST__V1__MODIFIER__INIT);
		stream->modifiers =
			util_grow(stream->modifiers, stream->n_modifiers, sizeof(void *));
		stream->modifiers[stream->n_modifiers++] = modifier;
		if (!read_modifier(use->value, modifier))
			return options_bad(options, "modify", use->value,
					   "is not a modifier; write 0/32=counter:1:1:1000, "
					   "8/16=random:1-100 or 4/8&0x0f=list:1,2,3, each with "
					   "/N behind it to move once in N packets");
	}
	return 0;
}

int variation_read(const struct options *options, Pagecast__V1__Stream *stream)
{
	uint32_t id = 0;
	int r = read_modifiers(options, stream);
	r = r ? r : options_u32(options, "stamp-id", 1, UINT32_MAX, &id);
	bool covers = options_has(options, "stamp-covers-payload");
	if (r || !(id || covers || options_has(options, "stamp")))
		return r;
	stream->stamp = MESSAGE_NEW(Pagecast__V1__Stamp, PAGECAST__V1__STAMP__INIT);
	stream->stamp->stream_id = id;
	stream->stamp->cover_payload = covers;
	return 0;
}
