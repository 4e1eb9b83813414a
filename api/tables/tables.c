/* tables: see tables.h. */
#include "api/tables/tables.h"

#include <stdlib.h>
#include <string.h>

const struct tables_method *tables_method(const char *service, const char *name)
{
	for (size_t i = 0; i < TABLES_METHOD_COUNT; i++)
		if (strcmp(TABLES_METHODS[i].name, name) == 0 &&
		    strcmp(TABLES_METHODS[i].service, service) == 0)
			return &TABLES_METHODS[i];
	return NULL;
}

static int by_name(const void *name, const void *doc)
{
	return strcmp(name, ((const struct tables_doc *)doc)->name);
}

const char *tables_doc(const char *full_name)
{
	const struct tables_doc *doc =
		bsearch(full_name, TABLES_DOCS, TABLES_DOC_COUNT, sizeof *TABLES_DOCS, by_name);
	return doc ? doc->text : NULL;
}
