/* list: jobs, newest first, as a table. */
#include "command.h"
#include "listing.h"
#include "message.h"
#include "print.h"
#include "util.h"

#include <string.h>

static const struct option OPTIONS[] = {
	{"all", NULL, "every page, not just the first", false},
	OPTION_END,
};
static const struct option *const TABLES[] = {OPTIONS, LISTING_OPTIONS, NULL};

/* Appends the jobs of @page to @all and takes them out of it. */
static void gather(Pagecast__V1__ListJobsResponse *all, Pagecast__V1__ListJobsResponse *page)
{
	for (size_t i = 0; i < page->n_jobs; i++) {
		all->jobs = util_grow(all->jobs, all->n_jobs, sizeof(void *));
		all->jobs[all->n_jobs++] = page->jobs[i];
	}
	page->n_jobs = 0;
}

/* Return: an exit code; *ret_token owned: of the next page, "" when this was the last. */
static int read_page(const struct client *client, const struct http_peer *peer,
		     const struct call *call, Pagecast__V1__ListJobsResponse *all, char **ret_token,
		     uint32_t *ret_total)
{
	ProtobufCMessage *message;
	int r = call_message(client, peer, call, &message);
	if (r)
		return r;
	Pagecast__V1__ListJobsResponse *page = (Pagecast__V1__ListJobsResponse *)message;
	*ret_token = util_strdup(page->next_page_token);
	*ret_total = page->total_size;
	if (client->json)
		r = call_print_json(client, peer, call);
	gather(all, page);
	message_free(message);
	return r;
}

static int list_on(const struct client *client, const struct http_peer *peer, const char *query,
		   bool all_pages)
{
	Pagecast__V1__ListJobsResponse all = PAGECAST__V1__LIST_JOBS_RESPONSE__INIT;
	_cleanup_free_ char *token = NULL;
	uint32_t total = 0;
	int r;
	do {
		_cleanup_free_ char *path = listing_path(query, token);
		const struct call call = {.method = "GET",
					  .path = path,
					  .answer = &pagecast__v1__list_jobs_response__descriptor};
		free(TAKE_PTR(token));
		r = read_page(client, peer, &call, &all, &token, &total);
	} while (!r && all_pages && *token && print_flush());
	if (!r && !client->json)
		call_print(client, peer, &all.base, listing_print, NULL);
	if (!r && !client->json && *token && total > all.n_jobs) {
		fflush(stdout);
		fprintf(stderr, "%u more; --all shows them\n", total - (uint32_t)all.n_jobs);
	}
	for (size_t i = 0; i < all.n_jobs; i++)
		message_free(&all.jobs[i]->base);
	free(all.jobs);
	return r;
}

static int list_json(const struct client *client, const char *query)
{
	_cleanup_free_ char *path = listing_path(query, NULL);
	const struct call call = {.method = "GET", .path = path};
	return call_each(client, &call, listing_print, NULL);
}

static int run_list(struct client *client, const struct options *options)
{
	_cleanup_free_ char *query = NULL;
	int codes[CLIENT_AGENTS_MAX];
	bool all = options_has(options, "all");
	int r = listing_query(options, &query);
	if (r)
		return r;
	if (client->json && !all)
		return list_json(client, query);
	for (size_t i = 0; i < client->peer_count; i++)
		codes[i] = list_on(client, &client->peers[i], query, all);
	return client_merge(codes, client->peer_count);
}

const struct command COMMAND_LIST = {
	.name = "list",
	.arguments = "",
	.summary = "list jobs, newest first",
	.examples = "  pagecast list --state running --label test=7\n"
		    "  pagecast list --all",
	.options = TABLES,
	.run = run_list,
};
