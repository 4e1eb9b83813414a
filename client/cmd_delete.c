/* delete: delete finished jobs. */
#include "command.h"
#include "jobs.h"
#include "print.h"
#include "util.h"

static const struct option OPTIONS[] = {OPTION_END};
static const struct option *const TABLES[] = {OPTIONS, NULL};

static void print_deleted(const ProtobufCMessage *message, FILE *out, void *context)
{
	(void)message; /* there is none: 204 */
	_cleanup_free_ char *id = print_escaped(context);
	fprintf(out, "deleted %s\n", id);
}

static int run_delete(struct client *client, const struct options *options)
{
	const struct call call = {.method = "DELETE"};
	return jobs_each(client, options, &call, "", print_deleted);
}

const struct command COMMAND_DELETE = {
	.name = "delete",
	.arguments = "ID…",
	.summary = "delete finished jobs",
	.examples = "  pagecast delete 01K6ZCP4Q7Y5T0R8W2M3N9B1XD",
	.options = TABLES,
	.arguments_min = 1,
	.arguments_max = COMMAND_ARGUMENTS_MAX,
	.run = run_delete,
};
