/* interfaces and engines: what the agent can send through, and how. */
#include "call.h"
#include "command.h"
#include "names.h"
#include "print.h"
#include "units.h"
#include "util.h"

#include "pagecast/v1/agent_service.pb-c.h"

static const struct option OPTIONS[] = {OPTION_END};
static const struct option *const TABLES[] = {OPTIONS, NULL};

static char *join(char *const *items, size_t count)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	if (!out)
		return util_strdup("");
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s%s", i ? " " : "", items[i]);
	fclose(out);
	return text;
}

static void add_interface(struct table *table, const Pagecast__V1__Interface *interface)
{
	_cleanup_free_ char *addresses = join(interface->addresses, interface->n_addresses);
	const char *state = !interface->up ? "down" : interface->carrier ? "up" : "no carrier";
	bool usable = interface->up && interface->carrier;
	table_add(table, PRINT_PLAIN, "%s", interface->name);
	table_add(table, usable ? PRINT_GREEN : PRINT_RED, "%s", state);
	table_add(table, PRINT_PLAIN, "%s", interface->allowed ? "yes" : "no");
	table_add(table, PRINT_PLAIN, "%u", interface->mtu);
	table_add(table, PRINT_PLAIN, "%s",
		  interface->speed_bps ? units_bps((double)interface->speed_bps).s : "-");
	table_add(table, PRINT_PLAIN, "%s%s%s", interface->scatter_gather ? "sg" : "",
		  interface->scatter_gather && interface->udp_segmentation ? "," : "",
		  interface->udp_segmentation  ? "gso"
		  : !interface->scatter_gather ? "-"
					       : "");
	table_add(table, PRINT_PLAIN, "%s", *interface->driver ? interface->driver : "-");
	table_add(table, PRINT_PLAIN, "%s", units_count(interface->tx_packets).s);
	table_add(table, PRINT_PLAIN, "%s", units_count(interface->tx_dropped).s);
	table_add(table, PRINT_PLAIN, "%s", *interface->mac ? interface->mac : "-");
	table_add(table, PRINT_PLAIN, "%s", addresses);
}

static void print_interfaces(const ProtobufCMessage *message, FILE *out, void *context)
{
	(void)context;
	const Pagecast__V1__ListInterfacesResponse *response =
		(const Pagecast__V1__ListInterfacesResponse *)message;
	_cleanup_table_ struct table table = {
		.titles = {"NAME", "STATE", "ALLOWED", "MTU", "SPEED", "OFFLOADS", "DRIVER",
			   "TX PACKETS", "TX DROPPED", "MAC", "ADDRESSES"},
		.right = 1 << 3 | 1 << 4 | 1 << 7 | 1 << 8,
		.columns = 11,
	};
	for (size_t i = 0; i < response->n_interfaces; i++)
		add_interface(&table, response->interfaces[i]);
	table_print(&table, out);
}

static void print_engines(const ProtobufCMessage *message, FILE *out, void *context)
{
	(void)context;
	const Pagecast__V1__ListEnginesResponse *response =
		(const Pagecast__V1__ListEnginesResponse *)message;
	for (size_t i = 0; i < response->n_engines; i++) {
		const Pagecast__V1__Engine *engine = response->engines[i];
		_cleanup_free_ char *why = print_escaped(engine->why);
		fprintf(out, "%-9s %s%s%s%s%s\n",
			names_text(&pagecast__v1__engine_kind__descriptor, (int)engine->kind),
			print_colour(engine->available ? PRINT_GREEN : PRINT_RED),
			engine->available ? "available" : "not available",
			print_colour(PRINT_PLAIN), *why ? ": " : "", why);
		for (size_t f = 0; f < engine->n_facts; f++) {
			_cleanup_free_ char *fact = print_escaped(engine->facts[f]);
			fprintf(out, "          %s\n", fact);
		}
	}
}

static int run_interfaces(struct client *client, const struct options *options)
{
	(void)options;
	const struct call call = {.method = "GET",
				  .path = "/v1/interfaces",
				  .answer = &pagecast__v1__list_interfaces_response__descriptor};
	return call_each(client, &call, print_interfaces, NULL);
}

static int run_engines(struct client *client, const struct options *options)
{
	(void)options;
	const struct call call = {.method = "GET",
				  .path = "/v1/engines",
				  .answer = &pagecast__v1__list_engines_response__descriptor};
	return call_each(client, &call, print_engines, NULL);
}

const struct command COMMAND_INTERFACES = {
	.name = "interfaces",
	.arguments = "",
	.summary = "list the agent's network interfaces",
	.examples = "  pagecast interfaces",
	.options = TABLES,
	.run = run_interfaces,
};

const struct command COMMAND_ENGINES = {
	.name = "engines",
	.arguments = "",
	.summary = "list the engines: which work on the agent's machine, and why others do not",
	.examples = "  pagecast engines",
	.options = TABLES,
	.run = run_engines,
};
