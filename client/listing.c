/* listing: see listing.h. */
#include "listing.h"
#include "message.h"
#include "names.h"
#include "print.h"
#include "spec.h"
#include "summary.h"
#include "units.h"
#include "util.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

enum { PAGE_SIZE_DEFAULT = 50, PAGE_SIZE_MAX = 1000, NAME_SHOWN_MAX = 40 };

const struct option LISTING_OPTIONS[] = {
	{"state", "STATE", "only jobs in this state; repeatable", true},
	{"label", "KEY=VALUE", "only jobs with this label; repeatable, all must match", true},
	{"page-size", "N", "jobs a page, at most 1000; default 50", false},
	OPTION_END,
};

static void put_encoded(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (isalnum((unsigned char)*text) || strchr("-_.~", *text))
			fputc(*text, out);
		else
			fprintf(out, "%%%02X", (unsigned char)*text);
	}
}

static int put_states(const struct options *options, FILE *out)
{
	for (size_t i = 0; i < options->use_count; i++) {
		const struct option_use *use = &options->uses[i];
		int state;
		if (strcmp(use->option->name, "state") != 0)
			continue;
		if (!names_read(&pagecast__v1__job_state__descriptor, use->value, &state)) {
			_cleanup_free_ char *choices =
				names_choices(&pagecast__v1__job_state__descriptor);
			return options_bad(options, "state", use->value, "is not one of %s",
					   choices);
		}
		fprintf(out, "&states=%s",
			names_upper(&pagecast__v1__job_state__descriptor, state));
	}
	return 0;
}

static int put_labels(const struct options *options, FILE *out)
{
	Pagecast__V1__CancelJobsRequest holder = PAGECAST__V1__CANCEL_JOBS_REQUEST__INIT;
	int r = spec_labels(options, &holder.labels, &holder.n_labels);
	for (size_t i = 0; i < holder.n_labels; i++) {
		fputs("&labels=", out);
		put_encoded(out, holder.labels[i]->key);
		fputs("%3D", out);
		put_encoded(out, holder.labels[i]->value);
		message_free(&holder.labels[i]->base);
	}
	free(holder.labels);
	return r;
}

int listing_query(const struct options *options, char **ret_query)
{
	uint32_t page_size = PAGE_SIZE_DEFAULT;
	size_t len;
	int r = options_u32(options, "page-size", 1, PAGE_SIZE_MAX, &page_size);
	FILE *out = r ? NULL : open_memstream(ret_query, &len);
	if (!out)
		return r ? r : EXIT_FAILED;
	fprintf(out, "page_size=%u", page_size);
	r = put_states(options, out);
	r = r ? r : put_labels(options, out);
	fclose(out);
	return r;
}

char *listing_path(const char *query, const char *token)
{
	char *path = NULL;
	size_t len;
	FILE *out = open_memstream(&path, &len);
	if (!out)
		return util_strdup("");
	fprintf(out, "/v1/jobs?%s", query);
	if (token && *token) {
		fputs("&page_token=", out);
		put_encoded(out, token);
	}
	fclose(out);
	return path;
}

static void add_rate(struct table *table, const Pagecast__V1__Job *job)
{
	bool running = job->state == PAGECAST__V1__JOB_STATE__JOB_STATE_RUNNING;
	double pps = running && job->progress ? job->progress->current_pps
		     : job->report	      ? job->report->achieved_pps
					      : 0;
	if (pps > 0)
		table_add(table, PRINT_PLAIN, "%s pps", units_pps(pps).s);
	else
		table_add(table, PRINT_PLAIN, "-");
}

static void add_age(struct table *table, const Pagecast__V1__Job *job)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (!job->create_time) {
		table_add(table, PRINT_PLAIN, "-");
		return;
	}
	double ns = (double)(now.tv_sec - job->create_time->seconds) * 1e9 +
		    (double)(now.tv_nsec - job->create_time->nanos);
	/* Fractions of a second do not help. */
	if (ns < 60e9)
		table_add(table, PRINT_PLAIN, "%.0f s", ns > 0 ? ns / 1e9 : 0.0);
	else
		table_add(table, PRINT_PLAIN, "%s", units_duration(ns).s);
}

void listing_print(const ProtobufCMessage *message, FILE *out, void *context)
{
	(void)context;
	const Pagecast__V1__ListJobsResponse *page =
		(const Pagecast__V1__ListJobsResponse *)message;
	_cleanup_table_ struct table table = {
		.titles = {"ID", "STATE", "NAME", "SENT", "RATE", "AGE"},
		.right = 1 << 3 | 1 << 4 | 1 << 5,
		.columns = 6,
	};
	for (size_t i = 0; i < page->n_jobs; i++) {
		const Pagecast__V1__Job *job = page->jobs[i];
		table_add(&table, PRINT_PLAIN, "%s", job->id);
		table_add(&table, summary_colour(job), "%s", summary_state(job));
		table_add(&table, PRINT_PLAIN, "%.*s", NAME_SHOWN_MAX,
			  job->spec && *job->spec->name ? job->spec->name : "-");
		table_add(&table, PRINT_PLAIN, "%s",
			  units_count(job->account ? job->account->packets_sent : 0).s);
		add_rate(&table, job);
		add_age(&table, job);
	}
	table_print(&table, out);
}
