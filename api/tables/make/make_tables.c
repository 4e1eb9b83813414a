/*
 * make_tables: a build-time program. Reads the schema's FileDescriptorSet (protoc
 * --include_source_info) from standard input and writes what protobuf-c's own descriptors drop: the
 * services' methods with their streaming flag and idempotency level, and the comments of every
 * message, field, enum, value and method, for the OpenAPI text.
 *
 * Output: a C file that defines the two tables of api/tables/tables.h, sorted by name. It trusts
 * its input (protoc's).
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "google/protobuf/descriptor.pb-c.h"

/* Field numbers of descriptor.proto that make up a SourceCodeInfo path. */
enum {
	PATH_FILE_MESSAGE = 4,
	PATH_FILE_ENUM = 5,
	PATH_FILE_SERVICE = 6,
	PATH_MESSAGE_FIELD = 2,
	PATH_MESSAGE_ONEOF = 8,
	PATH_ENUM_VALUE = 2,
	PATH_SERVICE_METHOD = 2,
};

struct doc {
	char *name;
	const char *text;
};

static struct doc *docs;
static size_t doc_count;

static void die(const char *what)
{
	fprintf(stderr, "make_tables: %s\n", what);
	exit(1);
}

static void *must(void *pointer)
{
	if (!pointer)
		die("out of memory");
	return pointer;
}

static char *joined(const char *scope, const char *name)
{
	char *text = NULL;
	if (asprintf(&text, "%s.%s", scope, name) < 0)
		die("out of memory");
	return text;
}

static void put_string(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", stdout);
		else if (*text == '"' || *text == '\\')
			printf("\\%c", *text);
		else
			putchar(*text);
	}
	putchar('"');
}

/* "pagecast.v1.JobSpec" -> pagecast__v1__job_spec__descriptor, as protoc-c spells it. */
static void put_descriptor_name(const char *type)
{
	for (; *type; type++) {
		bool upper = *type >= 'A' && *type <= 'Z';
		if (*type == '.') {
			fputs("__", stdout);
		} else if (upper) {
			if (type[-1] != '.')
				putchar('_');
			putchar(*type - 'A' + 'a');
		} else {
			putchar(*type);
		}
	}
	fputs("__descriptor", stdout);
}

static const char *comment_at(const Google__Protobuf__FileDescriptorProto *file,
			      const int32_t *path, size_t len)
{
	for (size_t i = 0; i < file->source_code_info->n_location; i++) {
		const Google__Protobuf__SourceCodeInfo__Location *at =
			file->source_code_info->location[i];
		if (at->n_path == len && memcmp(at->path, path, len * sizeof *path) == 0)
			return at->leading_comments;
	}
	return NULL;
}

static void add_doc(const Google__Protobuf__FileDescriptorProto *file, char *name,
		    const int32_t *path, size_t len)
{
	const char *text = comment_at(file, path, len);
	if (!text) {
		free(name);
		return;
	}
	docs = must(reallocarray(docs, doc_count + 1, sizeof *docs));
	docs[doc_count++] = (struct doc){name, text};
}

static void add_message(const Google__Protobuf__FileDescriptorProto *file, int32_t index)
{
	const Google__Protobuf__DescriptorProto *message = file->message_type[index];
	char *name = joined(file->package, message->name);
	for (size_t i = 0; i < message->n_field; i++)
		add_doc(file, joined(name, message->field[i]->name),
			(int32_t[]){PATH_FILE_MESSAGE, index, PATH_MESSAGE_FIELD, (int32_t)i}, 4);
	for (size_t i = 0; i < message->n_oneof_decl; i++)
		add_doc(file, joined(name, message->oneof_decl[i]->name),
			(int32_t[]){PATH_FILE_MESSAGE, index, PATH_MESSAGE_ONEOF, (int32_t)i}, 4);
	add_doc(file, name, (int32_t[]){PATH_FILE_MESSAGE, index}, 2);
}

static void add_enum(const Google__Protobuf__FileDescriptorProto *file, int32_t index)
{
	const Google__Protobuf__EnumDescriptorProto *list = file->enum_type[index];
	char *name = joined(file->package, list->name);
	for (size_t i = 0; i < list->n_value; i++)
		add_doc(file, joined(name, list->value[i]->name),
			(int32_t[]){PATH_FILE_ENUM, index, PATH_ENUM_VALUE, (int32_t)i}, 4);
	add_doc(file, name, (int32_t[]){PATH_FILE_ENUM, index}, 2);
}

static void add_service(const Google__Protobuf__FileDescriptorProto *file, int32_t index)
{
	const Google__Protobuf__ServiceDescriptorProto *service = file->service[index];
	char *name = joined(file->package, service->name);
	for (size_t i = 0; i < service->n_method; i++)
		add_doc(file, joined(name, service->method[i]->name),
			(int32_t[]){PATH_FILE_SERVICE, index, PATH_SERVICE_METHOD, (int32_t)i}, 4);
	add_doc(file, name, (int32_t[]){PATH_FILE_SERVICE, index}, 2);
}

static void put_method(const Google__Protobuf__FileDescriptorProto *file,
		       const Google__Protobuf__ServiceDescriptorProto *service,
		       const Google__Protobuf__MethodDescriptorProto *method)
{
	bool no_side_effects =
		method->options &&
		method->options->idempotency_level ==
			GOOGLE__PROTOBUF__METHOD_OPTIONS__IDEMPOTENCY_LEVEL__NO_SIDE_EFFECTS;
	if (method->client_streaming)
		die("client streaming does not work over HTTP/1.1");
	printf("\t{ \"%s.%s\", \"%s\", &", file->package, service->name, method->name);
	put_descriptor_name(method->input_type + 1); /* after the leading dot */
	fputs(", &", stdout);
	put_descriptor_name(method->output_type + 1);
	printf(", %s, %s },\n", method->server_streaming ? "true" : "false",
	       no_side_effects ? "true" : "false");
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct doc *)a)->name, ((const struct doc *)b)->name);
}

static void put_docs(void)
{
	qsort(docs, doc_count, sizeof *docs, by_name);
	puts("const struct tables_doc TABLES_DOCS[] = {");
	for (size_t i = 0; i < doc_count; i++) {
		printf("\t{ \"%s\", ", docs[i].name);
		put_string(docs[i].text);
		puts(" },");
	}
	printf("};\nconst size_t TABLES_DOC_COUNT = %zu;\n", doc_count);
}

static void put_methods(const Google__Protobuf__FileDescriptorSet *set)
{
	size_t count = 0;
	puts("const struct tables_method TABLES_METHODS[] = {");
	for (size_t f = 0; f < set->n_file; f++)
		for (size_t s = 0; s < set->file[f]->n_service; s++)
			for (size_t m = 0; m < set->file[f]->service[s]->n_method; m++, count++)
				put_method(set->file[f], set->file[f]->service[s],
					   set->file[f]->service[s]->method[m]);
	printf("};\nconst size_t TABLES_METHOD_COUNT = %zu;\n\n", count);
}

static Google__Protobuf__FileDescriptorSet *read_set(void)
{
	uint8_t *data = NULL;
	size_t len = 0;
	size_t n;
	do {
		data = must(realloc(data, len + 65536));
		n = fread(data + len, 1, 65536, stdin);
		len += n;
	} while (n);
	Google__Protobuf__FileDescriptorSet *set =
		google__protobuf__file_descriptor_set__unpack(NULL, len, data);
	if (!set)
		die("standard input is no FileDescriptorSet");
	free(data);
	return set;
}

int main(void)
{
	Google__Protobuf__FileDescriptorSet *set = read_set();
	puts("/* Written by make_tables from the schema. */\n#include \"api/tables/tables.h\"\n");
	for (size_t f = 0; f < set->n_file; f++) {
		const Google__Protobuf__FileDescriptorProto *file = set->file[f];
		printf("#include \"%.*s.pb-c.h\"\n", (int)(strlen(file->name) - strlen(".proto")),
		       file->name);
		if (!file->source_code_info)
			die("the set was made without --include_source_info");
		for (size_t i = 0; i < file->n_message_type; i++)
			add_message(file, (int32_t)i);
		for (size_t i = 0; i < file->n_enum_type; i++)
			add_enum(file, (int32_t)i);
		for (size_t i = 0; i < file->n_service; i++)
			add_service(file, (int32_t)i);
	}
	putchar('\n');
	put_methods(set);
	put_docs();
	google__protobuf__file_descriptor_set__free_unpacked(set, NULL);
	return 0;
}
