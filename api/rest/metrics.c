/* metrics: see metrics.h. The format: prometheus.io, "Exposition formats", text. */
#include "api/rest/metrics.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "pagecast/v1/job.pb-c.h"

enum { NUMBER_MAX = 40, LABELS_MAX = 256 };

static void put_head(struct json_buffer *out, const char *name, const char *type, const char *help)
{
	json_buffer_text(out, "# HELP ");
	json_buffer_text(out, name);
	json_buffer_char(out, ' ');
	json_buffer_text(out, help);
	json_buffer_text(out, "\n# TYPE ");
	json_buffer_text(out, name);
	json_buffer_char(out, ' ');
	json_buffer_text(out, type);
	json_buffer_char(out, '\n');
}

static void put_double(struct json_buffer *out, double value)
{
	char text[NUMBER_MAX];
	snprintf(text, sizeof text, "%.17g", isfinite(value) ? value : 0.0);
	json_buffer_text(out, text);
}

/* @labels: as between the braces, "" : none */
static void put_sample(struct json_buffer *out, const char *name, const char *labels, double value)
{
	json_buffer_text(out, name);
	if (*labels) {
		json_buffer_char(out, '{');
		json_buffer_text(out, labels);
		json_buffer_char(out, '}');
	}
	json_buffer_char(out, ' ');
	put_double(out, value);
	json_buffer_char(out, '\n');
}

static void put_one(struct json_buffer *out, const char *name, const char *type, const char *help,
		    double value)
{
	put_head(out, name, type, help);
	put_sample(out, name, "", value);
}

/* Buckets are cumulated here; times in seconds, as Prometheus requires them. */
static void put_distribution(struct json_buffer *out, const char *name, const char *labels,
			     const struct agent_distribution *distribution)
{
	char part[LABELS_MAX + 64];
	char series[LABELS_MAX];
	uint64_t below = 0;
	snprintf(series, sizeof series, "%s_bucket", name);
	for (size_t i = 0; i <= AGENT_DISTRIBUTION_BOUNDS; i++) {
		below += distribution->buckets[i];
		if (i < AGENT_DISTRIBUTION_BOUNDS)
			snprintf(part, sizeof part, "%s%sle=\"%g\"", labels, *labels ? "," : "",
				 (double)AGENT_DISTRIBUTION_BOUNDS_NS[i] / 1e9);
		else
			snprintf(part, sizeof part, "%s%sle=\"+Inf\"", labels, *labels ? "," : "");
		put_sample(out, series, part, (double)below);
	}
	snprintf(series, sizeof series, "%s_sum", name);
	put_sample(out, series, labels, distribution->sum_ns / 1e9);
	snprintf(series, sizeof series, "%s_count", name);
	put_sample(out, series, labels, (double)distribution->count);
}

/* "JOB_STATE_RUNNING" -> state="running" */
static void state_label(int state, char label[static LABELS_MAX])
{
	const ProtobufCEnumValue *value =
		protobuf_c_enum_descriptor_get_value(&pagecast__v1__job_state__descriptor, state);
	const char *name = value ? value->name + strlen("JOB_STATE_") : "unknown";
	int n = snprintf(label, LABELS_MAX, "state=\"%s\"", name);
	for (int i = 0; i < n; i++)
		label[i] = (char)tolower((unsigned char)label[i]);
}

static void put_states(struct json_buffer *out, const char *name, const uint64_t *counts,
		       bool ended_only)
{
	char label[LABELS_MAX];
	int first = ended_only ? PAGECAST__V1__JOB_STATE__JOB_STATE_SUCCEEDED
			       : PAGECAST__V1__JOB_STATE__JOB_STATE_QUEUED;
	for (int state = first; state < AGENT_JOB_STATES; state++) {
		state_label(state, label);
		put_sample(out, name, label, (double)counts[state]);
	}
}

static void put_jobs(struct json_buffer *out, const struct agent_metrics *metrics)
{
	put_head(out, "pagecast_jobs", "gauge", "Jobs known to the agent, by state.");
	put_states(out, "pagecast_jobs", metrics->jobs_by_state, false);
	put_head(out, "pagecast_jobs_ended_total", "counter",
		 "Jobs that ended since the agent started, by the state they ended in.");
	put_states(out, "pagecast_jobs_ended_total", metrics->jobs_ended, true);
	put_one(out, "pagecast_queue_depth", "gauge", "Jobs waiting for a worker.",
		(double)metrics->queue_depth);
	put_one(out, "pagecast_workers", "gauge", "Worker threads.", (double)metrics->workers);
	put_one(out, "pagecast_workers_busy", "gauge", "Workers that are running a job.",
		(double)metrics->workers_busy);
}

static void put_packets(struct json_buffer *out, const struct agent_metrics *metrics)
{
	char label[LABELS_MAX];
	put_one(out, "pagecast_packets_sent_total", "counter", "Packets accepted by the kernel.",
		(double)metrics->packets_sent);
	put_one(out, "pagecast_packets_dropped_total", "counter",
		"Packets dropped because a queue was full, where the job chose to drop.",
		(double)metrics->packets_dropped);
	put_one(out, "pagecast_packets_failed_total", "counter", "Packets refused by the kernel.",
		(double)metrics->packets_failed);
	put_one(out, "pagecast_packets_cancelled_total", "counter",
		"Packets requested but never handed to the kernel.",
		(double)metrics->packets_cancelled);
	put_one(out, "pagecast_bytes_sent_total", "counter",
		"Payload bytes accepted by the kernel (frame bytes for Ethernet).",
		(double)metrics->bytes_sent);
	put_one(out, "pagecast_transmit_syscalls_total", "counter",
		"System calls of the send loops.", (double)metrics->syscalls);
	put_one(out, "pagecast_transmit_pages_total", "counter", "Pages handed to the kernel.",
		(double)metrics->pages);
	put_one(out, "pagecast_current_pps", "gauge", "Packets per second being sent now.",
		metrics->current_pps);
	put_one(out, "pagecast_current_bps_l2", "gauge",
		"Bits per second at layer 2 being sent now.", metrics->current_bps_l2);
	put_head(out, "pagecast_complaints_total", "counter",
		 "Packets refused at once or reported as failed later, by errno, in jobs that "
		 "ended.");
	for (size_t i = 0; i < metrics->failure_count; i++) {
		snprintf(label, sizeof label, "errno=\"%s\"", metrics->failures[i].name);
		put_sample(out, "pagecast_complaints_total", label,
			   (double)metrics->failures[i].packets);
	}
}

static void put_times(struct json_buffer *out, const struct agent_metrics *metrics)
{
	put_head(out, "pagecast_gap_error_seconds", "histogram",
		 "Difference between the actual and the even gap between sends of paced streams, "
		 "in jobs "
		 "that ended.");
	put_distribution(out, "pagecast_gap_error_seconds", "", &metrics->gap_error);
	put_head(out, "pagecast_start_error_seconds", "histogram",
		 "Difference between start_time and the first packet, early or late.");
	put_distribution(out, "pagecast_start_error_seconds", "", &metrics->start_error);
	put_head(out, "pagecast_store_write_seconds", "histogram",
		 "Time a request waits until its write is durable.");
	put_distribution(out, "pagecast_store_write_seconds", "", &metrics->store_wait);
	put_one(out, "pagecast_store_refusals_total", "counter", "Writes refused by the store.",
		(double)metrics->store_refusals);
	put_one(out, "pagecast_store_commits_total", "counter",
		"Transactions of the store, of one write or several.",
		(double)metrics->store_commits);
}

static void put_about(struct json_buffer *out, const struct agent_metrics *metrics,
		      const char *version)
{
	char label[LABELS_MAX];
	put_head(out, "pagecast_engine_available", "gauge",
		 "1 if the engine can be used on this machine.");
	for (size_t i = 0; i < metrics->engine_count; i++) {
		snprintf(label, sizeof label, "engine=\"%s\"", metrics->engines[i].name);
		put_sample(out, "pagecast_engine_available", label, metrics->engines[i].available);
	}
	put_head(out, "pagecast_build_info", "gauge", "Always 1; the version is a label.");
	snprintf(label, sizeof label, "version=\"%s\"", version);
	put_sample(out, "pagecast_build_info", label, 1);
	put_one(out, "pagecast_start_time_seconds", "gauge",
		"When the agent started, in seconds since 1970.", (double)metrics->start_ns / 1e9);
}

static void put_request(void *context, const struct request_count *count)
{
	struct json_buffer *out = context;
	char labels[LABELS_MAX];
	const char *verb = count->route ? route_verb_name(count->route->verb) : "other";
	const char *path = count->route ? count->route->path : count->status ? "none" : "other";
	snprintf(labels, sizeof labels, "method=\"%s\",route=\"%s\",code=\"%u\"", verb, path,
		 count->status);
	put_distribution(out, "pagecast_http_request_seconds", labels, &count->took);
}

static void put_requests(struct json_buffer *out, struct request_counts *requests)
{
	put_head(out, "pagecast_http_request_seconds", "histogram",
		 "Time from the first line of a request to the first line of its response, by "
		 "route and status code.");
	request_counts_each(requests, put_request, out);
}

void metrics_text(struct agent *agent, struct request_counts *requests, const char *version,
		  struct json_buffer *out)
{
	struct agent_metrics metrics;
	agent_metrics(agent, &metrics);
	put_jobs(out, &metrics);
	put_packets(out, &metrics);
	put_times(out, &metrics);
	put_requests(out, requests);
	put_about(out, &metrics, version);
}
