/* messages: see messages.h. What is built here is laid out by hand, not by the codecs under test.
 */
#include "lib/messages.h"

#include <stdlib.h>
#include <string.h>

#include "every_type.pb-c.h"
#include "google/protobuf/duration.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"
#include "pagecast/v1/agent_service.pb-c.h"
#include "pagecast/v1/payload_service.pb-c.h"
#include "pagecast/v1/receive_service.pb-c.h"
#include "pagecast/v1/transmit_service.pb-c.h"

enum { TYPES_MAX = 128, DEPTH_MAX = 3, LIST_MAX = 4, TEXT_MAX = 24 };

static const ProtobufCMessageDescriptor *types[TYPES_MAX + 1];

static void add_type(const ProtobufCMessageDescriptor *type)
{
	size_t n = 0;
	if (strncmp(type->name, "google.", 7) == 0) /* strings in JSON: no documents of their own */
		return;
	for (; types[n]; n++)
		if (types[n] == type)
			return;
	if (n == TYPES_MAX)
		abort();
	types[n] = type;
	for (unsigned i = 0; i < type->n_fields; i++)
		if (type->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
			add_type(type->fields[i].descriptor);
}

const ProtobufCMessageDescriptor *const *messages_types(void)
{
	static const ProtobufCServiceDescriptor *const services[] = {
		&pagecast__v1__transmit_service__descriptor,
		&pagecast__v1__agent_service__descriptor,
		&pagecast__v1__payload_service__descriptor,
		&pagecast__v1__receive_service__descriptor,
	};
	if (types[0])
		return types;
	add_type(&pagecast__test__every_type__descriptor);
	for (size_t i = 0; i < sizeof services / sizeof *services; i++)
		for (unsigned j = 0; j < services[i]->n_methods; j++) {
			add_type(services[i]->methods[j].input);
			add_type(services[i]->methods[j].output);
		}
	return types;
}

static uint64_t next(struct messages_random *random) /* splitmix64 */
{
	uint64_t z = random->state += UINT64_C(0x9E3779B97F4A7C15);
	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return z ^ z >> 31;
}

uint64_t messages_draw(struct messages_random *random, uint64_t below)
{
	return next(random) % below;
}

/* Small, edge and arbitrary values alike. */
static uint64_t draw_bits(struct messages_random *random)
{
	static const uint64_t edges[] = {
		0,	    1,	       UINT64_MAX, INT64_MAX,  (uint64_t)INT64_MIN,
		UINT32_MAX, INT32_MAX, 1ULL << 53, 1ULL << 31, (1ULL << 53) + 1,
		127,	    128,       9000,
	};
	switch (messages_draw(random, 3)) {
	case 0: return messages_draw(random, 200);
	case 1: return edges[messages_draw(random, sizeof edges / sizeof *edges)];
	default: return next(random) >> messages_draw(random, 64);
	}
}

static double draw_double(struct messages_random *random)
{
	static const double edges[] = {0.1,
				       1.0 / 3,
				       5e-324,
				       1.7976931348623157e308,
				       -1.5,
				       1e15,
				       1e22,
				       123456789012345680.0,
				       1e100,
				       0x1p-1022,
				       100,
				       -2147483648.0,
				       __builtin_inf(),
				       -__builtin_inf()};
	double value;
	uint64_t bits = next(random);
	if (messages_draw(random, 2))
		return edges[messages_draw(random, sizeof edges / sizeof *edges)];
	memcpy(&value, &bits, sizeof value);
	return value == value ? value : __builtin_nan(""); /* JSON has one NaN */
}

static float draw_float(struct messages_random *random)
{
	static const float edges[] = {0.1F,	   1.0F / 3, 1e-45F, 3.4028235e38F,
				      16777216.0F, -1.5F,    1e15F};
	float value;
	uint32_t bits = (uint32_t)next(random);
	if (messages_draw(random, 2))
		return edges[messages_draw(random, sizeof edges / sizeof *edges)];
	memcpy(&value, &bits, sizeof value);
	return value == value ? value : __builtin_nanf("");
}

static char *draw_text(struct messages_random *random)
{
	static const char *const pieces[] = {
		"a", "Z", "\"", "\\",		"/", "\n",	 "\x01", "\x7F",
		"é", "€", "𝄞",	"\xED\x9F\xBF", "<", "\xC2\x80", "{}",	 "\xEF\xBF\xBF"};
	char *text = calloc(1, TEXT_MAX * 4 + 1);
	for (uint64_t left = messages_draw(random, TEXT_MAX); text && left; left--)
		strcat(text, pieces[messages_draw(random, sizeof pieces / sizeof *pieces)]);
	return text;
}

static ProtobufCBinaryData draw_bytes(struct messages_random *random)
{
	ProtobufCBinaryData bytes = {messages_draw(random, 40), NULL};
	if (!bytes.len)
		return bytes;
	bytes.data = malloc(bytes.len);
	for (size_t i = 0; bytes.data && i < bytes.len; i++)
		bytes.data[i] = (uint8_t)next(random);
	return bytes;
}

static void draw_time(struct messages_random *random, ProtobufCMessage *message)
{
	static const int32_t nanos[] = {0, 1, 1000, 500000000, 999999999, 123000000, 120};
	int32_t fraction = nanos[messages_draw(random, sizeof nanos / sizeof *nanos)];
	if (message->descriptor == &google__protobuf__timestamp__descriptor) {
		Google__Protobuf__Timestamp *time = (Google__Protobuf__Timestamp *)message;
		time->seconds = -62135596800 + (int64_t)messages_draw(random, 315537897600);
		time->nanos = fraction;
		return;
	}
	Google__Protobuf__Duration *time = (Google__Protobuf__Duration *)message;
	bool negative = messages_draw(random, 4) == 0;
	time->seconds =
		(int64_t)(messages_draw(random, 2) ? messages_draw(random, 315576000000) : 0);
	time->nanos = fraction;
	if (negative) {
		time->seconds = -time->seconds;
		time->nanos = -time->nanos;
	}
}

static ProtobufCMessage *draw_message(struct messages_random *random,
				      const ProtobufCMessageDescriptor *type, unsigned depth);

static void draw_value(struct messages_random *random, const ProtobufCFieldDescriptor *field,
		       void *member, unsigned depth)
{
	const ProtobufCEnumDescriptor *names = field->descriptor;
	switch (field->type) {
	case PROTOBUF_C_TYPE_FLOAT: *(float *)member = draw_float(random); break;
	case PROTOBUF_C_TYPE_DOUBLE: *(double *)member = draw_double(random); break;
	case PROTOBUF_C_TYPE_BOOL: *(protobuf_c_boolean *)member = messages_draw(random, 2); break;
	case PROTOBUF_C_TYPE_ENUM:
		*(int32_t *)member = names->values[messages_draw(random, names->n_values)].value;
		break;
	case PROTOBUF_C_TYPE_STRING: *(char **)member = draw_text(random); break;
	case PROTOBUF_C_TYPE_BYTES: *(ProtobufCBinaryData *)member = draw_bytes(random); break;
	case PROTOBUF_C_TYPE_MESSAGE:
		*(void **)member = draw_message(random, field->descriptor, depth + 1);
		break;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64: *(uint64_t *)member = draw_bits(random); break;
	default: *(uint32_t *)member = (uint32_t)draw_bits(random);
	}
}

static size_t stride_of(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE: return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
	case PROTOBUF_C_TYPE_BOOL: return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_DOUBLE:
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64: return 8;
	default: return 4;
	}
}

static void draw_field(struct messages_random *random, ProtobufCMessage *message,
		       const ProtobufCFieldDescriptor *field, unsigned depth)
{
	uint8_t *base = (uint8_t *)message;
	if (field->label == PROTOBUF_C_LABEL_REPEATED) {
		size_t count = messages_draw(random, LIST_MAX + 1), stride = stride_of(field->type);
		uint8_t *values = count ? calloc(count, stride) : NULL;
		if (!values)
			return;
		*(size_t *)(base + field->quantifier_offset) = count;
		*(void **)(base + field->offset) = values;
		for (size_t i = 0; i < count; i++)
			draw_value(random, field, values + i * stride, depth);
		return;
	}
	if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
		uint32_t *which = (uint32_t *)(base + field->quantifier_offset);
		if (*which)
			return;
		*which = field->id;
	}
	draw_value(random, field, base + field->offset, depth);
}

static ProtobufCMessage *draw_message(struct messages_random *random,
				      const ProtobufCMessageDescriptor *type, unsigned depth)
{
	ProtobufCMessage *message = malloc(type->sizeof_message);
	if (!message)
		abort();
	protobuf_c_message_init(type, message);
	if (strncmp(type->name, "google.", 7) == 0) {
		draw_time(random, message);
		return message;
	}
	for (unsigned left = type->n_fields; left; left--) {
		const ProtobufCFieldDescriptor *field =
			&type->fields[messages_draw(random, type->n_fields)];
		bool again = field->type != PROTOBUF_C_TYPE_MESSAGE || depth < DEPTH_MAX;
		const uint8_t *base = (const uint8_t *)message;
		bool fresh = !(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) &&
			     !memcmp(base + field->offset, &(ProtobufCBinaryData){0},
				     stride_of(field->type));
		if (field->type == PROTOBUF_C_TYPE_STRING &&
		    field->label != PROTOBUF_C_LABEL_REPEATED)
			fresh = *(char *const *)(base + field->offset) == field->default_value;
		if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
			fresh = true; /* draw_field looks at the case */
		if (again && fresh)
			draw_field(random, message, field, depth);
	}
	return message;
}

ProtobufCMessage *messages_random_new(struct messages_random *random,
				      const ProtobufCMessageDescriptor *type)
{
	return draw_message(random, type, 0);
}

static bool number_equal(double a, double b)
{
	return a == b || (a != a && b != b);
}

static bool value_equal(const ProtobufCFieldDescriptor *field, const void *a, const void *b)
{
	const ProtobufCBinaryData *x = a, *y = b;
	const char *s, *t;
	switch (field->type) {
	case PROTOBUF_C_TYPE_STRING:
		s = *(char *const *)a;
		t = *(char *const *)b;
		return strcmp(s ? s : "", t ? t : "") == 0;
	case PROTOBUF_C_TYPE_BYTES:
		return x->len == y->len && (!x->len || memcmp(x->data, y->data, x->len) == 0);
	case PROTOBUF_C_TYPE_MESSAGE:
		return messages_equal(*(ProtobufCMessage *const *)a, *(ProtobufCMessage *const *)b);
	case PROTOBUF_C_TYPE_DOUBLE: return number_equal(*(const double *)a, *(const double *)b);
	case PROTOBUF_C_TYPE_FLOAT:
		return number_equal((double)*(const float *)a, (double)*(const float *)b);
	default: break;
	}
	return memcmp(a, b, stride_of(field->type)) == 0;
}

static bool field_equal(const ProtobufCFieldDescriptor *field, const uint8_t *a, const uint8_t *b)
{
	if (field->label == PROTOBUF_C_LABEL_REPEATED) {
		size_t count = *(const size_t *)(a + field->quantifier_offset);
		const uint8_t *x = *(uint8_t *const *)(a + field->offset);
		const uint8_t *y = *(uint8_t *const *)(b + field->offset);
		if (count != *(const size_t *)(b + field->quantifier_offset))
			return false;
		for (size_t i = 0; i < count; i++)
			if (!value_equal(field, x + i * stride_of(field->type),
					 y + i * stride_of(field->type)))
				return false;
		return true;
	}
	if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
		uint32_t which = *(const uint32_t *)(a + field->quantifier_offset);
		if (which != *(const uint32_t *)(b + field->quantifier_offset))
			return false;
		if (which != field->id)
			return true;
	}
	return value_equal(field, a + field->offset, b + field->offset);
}

bool messages_equal(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
	if (!a || !b)
		return a == b;
	if (a->descriptor != b->descriptor || a->n_unknown_fields != b->n_unknown_fields)
		return false;
	for (unsigned i = 0; i < a->descriptor->n_fields; i++)
		if (!field_equal(&a->descriptor->fields[i], (const uint8_t *)a, (const uint8_t *)b))
			return false;
	return true;
}
