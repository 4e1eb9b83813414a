/*
 * names: enum values of the schema as people write them, taken from the descriptors:
 * LAYER_L2_FCS is "l2_fcs" or "L2-FCS".
 */
#pragma once
#include "options.h"

#include <protobuf-c/protobuf-c.h>

/** names_text() - lower case, without prefix, "_" as "-"; a number when it is not in the schema */
const char *names_text(const ProtobufCEnumDescriptor *type, int value);
/** names_upper() - as the schema writes it, without prefix: "SUCCEEDED" */
const char *names_upper(const ProtobufCEnumDescriptor *type, int value);
/** names_read() - Return: found or not; the unspecified value is not accepted */
bool names_read(const ProtobufCEnumDescriptor *type, const char *text, int *ret_value);
/** names_option() - the flag's value; absent leaves *ret_value. Return: 0; EXIT_USAGE, printed */
int names_option(const struct options *options, const char *name,
		 const ProtobufCEnumDescriptor *type, int *ret_value);
/** names_choices() - "splice, txring, copy or uring"; owned */
char *names_choices(const ProtobufCEnumDescriptor *type);
