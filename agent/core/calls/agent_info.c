/* agent_info: AgentService: what the agent is, allows and can. See pagecast/agent.h. */
#include "base/util.h"
#include "core/job/record.h"
#include "core/state/agent.h"
#include "engine/engine_facts.h"
#include "net/link.h"
#include "policy/host.h"

#include <string.h>
#include <sys/timex.h>

enum { ADDRESS_TEXT_MAX = INET6_ADDRSTRLEN + 4, MAC_TEXT_MAX = 18 };

static int no_memory(struct error *ret_error)
{
	return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "out of memory");
}

/* A copy of @text for a string field. Out of memory: the field's default, which protobuf-c does not
 * free. */
static char *owned(const char *text)
{
	char *copy = *text ? strdup(text) : NULL;
	return copy ? copy : (char *)protobuf_c_empty_string;
}

static Google__Protobuf__Timestamp *owned_timestamp(int64_t ns)
{
	Google__Protobuf__Timestamp *timestamp = malloc(sizeof *timestamp);
	if (!timestamp)
		return NULL;
	record_time(timestamp, ns);
	return timestamp;
}

static Pagecast__V1__Account *owned_account(const struct account *from)
{
	Pagecast__V1__Account *account = malloc(sizeof *account);
	if (!account)
		return NULL;
	record_account(account, from);
	return account;
}

/* Whether the kernel says that its clock is synchronised; unknown counts as not. */
static void fill_clock(Pagecast__V1__Agent *message)
{
	struct timex times = {.modes = 0};
	int state = adjtimex(&times);
	message->clock_synchronised =
		state >= 0 && state != TIME_ERROR && !(times.status & STA_UNSYNC);
	if (state >= 0)
		message->clock_max_error_us = (double)times.maxerror;
}

int agent_get_agent(struct agent *agent, const struct agent_caller *caller,
		    const Pagecast__V1__GetAgentRequest *request, Pagecast__V1__Agent **ret_agent,
		    struct error *ret_error)
{
	(void)request;
	int r = agent_require(caller, AGENT_ROLE_VIEWER, ret_error);
	if (r)
		return r;
	Pagecast__V1__Agent *message = malloc(sizeof *message);
	if (!message)
		return no_memory(ret_error);
	pagecast__v1__agent__init(message);
	agent_lock(agent);
	const size_t *counts = agent->state_counts;
	message->jobs_queued = (uint32_t)(counts[PAGECAST__V1__JOB_STATE__JOB_STATE_QUEUED] +
					  counts[PAGECAST__V1__JOB_STATE__JOB_STATE_SCHEDULED]);
	message->jobs_running = (uint32_t)(counts[PAGECAST__V1__JOB_STATE__JOB_STATE_RUNNING] +
					   counts[PAGECAST__V1__JOB_STATE__JOB_STATE_PAUSED]);
	struct account totals = agent_totals(agent);
	agent_unlock(agent);
	message->name = owned(agent->name);
	message->version = owned(agent->version);
	message->kernel = owned(agent->kernel);
	message->start_time = owned_timestamp(agent->start_ns);
	message->now = owned_timestamp(clock_realtime_ns(agent->clock));
	message->workers = (uint32_t)agent->lane_count;
	message->totals = owned_account(&totals);
	fill_clock(message);
	*ret_agent = message;
	return 0;
}

int agent_get_policy(struct agent *agent, const struct agent_caller *caller,
		     const Pagecast__V1__GetPolicyRequest *request,
		     Pagecast__V1__Policy **ret_policy, struct error *ret_error)
{
	(void)request;
	int r = agent_require(caller, AGENT_ROLE_VIEWER, ret_error);
	if (r)
		return r;
	struct policy *policy = agent_policy(agent);
	_cleanup_blob_ struct blob *packed = blob_pack(&policy->message->base);
	policy_unref(policy);
	*ret_policy = packed ? pagecast__v1__policy__unpack(NULL, packed->len, packed->data) : NULL;
	return *ret_policy ? 0 : no_memory(ret_error);
}

static void mac_text(const struct link *link, char ret_text[static MAC_TEXT_MAX])
{
	const uint8_t *mac = link->mac;
	ret_text[0] = '\0';
	if (link->has_mac)
		snprintf(ret_text, MAC_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
			 mac[2], mac[3], mac[4], mac[5]);
}

static size_t count_addresses(const struct policy_host *host, uint32_t index)
{
	size_t count = 0;
	for (size_t i = 0; i < host->count; i++)
		count += host->addresses[i].ifindex == index;
	return count;
}

static void fill_addresses(Pagecast__V1__Interface *message, const struct policy_host *host)
{
	message->addresses = calloc(count_addresses(host, message->index) + 1, sizeof(char *));
	for (size_t i = 0; message->addresses && i < host->count; i++) {
		const struct local_address *address = &host->addresses[i];
		char ip[INET6_ADDRSTRLEN], text[ADDRESS_TEXT_MAX];
		if (address->ifindex != message->index)
			continue;
		struct ip_address parsed = ip_of(&address->ip.any);
		ip_text(&parsed, ip);
		snprintf(text, sizeof text, "%s/%u", ip, address->prefix_bits);
		message->addresses[message->n_addresses++] = owned(text);
	}
}

static Pagecast__V1__Interface *interface_message(const struct link *link,
						  const struct policy_host *host,
						  const struct policy *policy)
{
	char mac[MAC_TEXT_MAX];
	Pagecast__V1__Interface *message = malloc(sizeof *message);
	if (!message)
		return NULL;
	pagecast__v1__interface__init(message);
	mac_text(link, mac);
	message->name = owned(link->name);
	message->index = link->index;
	message->mac = owned(mac);
	message->mtu = link->mtu;
	message->up = link->up;
	message->carrier = link->carrier;
	message->speed_bps = link->speed_bps;
	message->scatter_gather = link->scatter_gather;
	message->udp_segmentation = link->udp_segmentation;
	message->driver = owned(link->driver);
	message->tx_packets = link->tx_packets;
	message->tx_bytes = link->tx_bytes;
	message->tx_dropped = link->tx_dropped;
	message->rx_packets = link->rx_packets;
	message->rx_bytes = link->rx_bytes;
	message->allowed = policy_allows_interface(policy, link->name);
	fill_addresses(message, host);
	return message;
}

static int read_interfaces(struct link **ret_links, size_t *ret_count, struct policy_host *ret_host,
			   struct error *ret_error)
{
	int r = link_list(ret_links, ret_count);
	if (!r) {
		r = policy_host_read(ret_host);
		if (r)
			free(*ret_links);
	}
	if (r)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE,
				 "cannot read the kernel's interfaces: %s", strerror(-r));
	return 0;
}

int agent_list_interfaces(struct agent *agent, const struct agent_caller *caller,
			  const Pagecast__V1__ListInterfacesRequest *request,
			  Pagecast__V1__ListInterfacesResponse **ret_response,
			  struct error *ret_error)
{
	(void)request;
	struct link *found = NULL;
	struct policy_host host;
	size_t count;
	int r = agent_require(caller, AGENT_ROLE_VIEWER, ret_error);
	if (!r)
		r = read_interfaces(&found, &count, &host, ret_error);
	if (r)
		return r;
	_cleanup_free_ struct link *links = found;
	Pagecast__V1__ListInterfacesResponse *response = malloc(sizeof *response);
	struct policy *policy = agent_policy(agent);
	if (response) {
		pagecast__v1__list_interfaces_response__init(response);
		response->interfaces = calloc(count + 1, sizeof(void *));
	}
	for (size_t i = 0; response && response->interfaces && i < count; i++) {
		Pagecast__V1__Interface *one = interface_message(&links[i], &host, policy);
		if (one)
			response->interfaces[response->n_interfaces++] = one;
	}
	policy_unref(policy);
	policy_host_deinit(&host);
	if (!response)
		return no_memory(ret_error);
	*ret_response = response;
	return 0;
}

static Pagecast__V1__Engine *engine_message(const struct engine_fact *fact)
{
	Pagecast__V1__Engine *message = malloc(sizeof *message);
	if (!message)
		return NULL;
	pagecast__v1__engine__init(message);
	message->kind = fact->kind;
	message->available = fact->available;
	message->why = owned(fact->why);
	message->facts = calloc(fact->fact_count + 1, sizeof(char *));
	for (size_t i = 0; message->facts && i < fact->fact_count; i++)
		message->facts[message->n_facts++] = owned(fact->facts[i]);
	return message;
}

int agent_list_engines(struct agent *agent, const struct agent_caller *caller,
		       const Pagecast__V1__ListEnginesRequest *request,
		       Pagecast__V1__ListEnginesResponse **ret_response, struct error *ret_error)
{
	(void)agent;
	(void)request;
	int r = agent_require(caller, AGENT_ROLE_VIEWER, ret_error);
	if (r)
		return r;
	const struct engine_fact *facts = engine_facts();
	Pagecast__V1__ListEnginesResponse *response = malloc(sizeof *response);
	if (!response)
		return no_memory(ret_error);
	pagecast__v1__list_engines_response__init(response);
	response->engines = calloc(ENGINE_KINDS, sizeof(void *));
	for (size_t i = 0; response->engines && i < ENGINE_KINDS; i++) {
		Pagecast__V1__Engine *one = engine_message(&facts[i]);
		if (one)
			response->engines[response->n_engines++] = one;
	}
	*ret_response = response;
	return 0;
}

int agent_check_ready(struct agent *agent, struct error *ret_error)
{
	agent_lock(agent);
	bool stopping = agent->stopping;
	size_t waiting = agent->state_counts[PAGECAST__V1__JOB_STATE__JOB_STATE_QUEUED] +
			 agent->state_counts[PAGECAST__V1__JOB_STATE__JOB_STATE_SCHEDULED];
	uint32_t waiting_max = agent->policy->message->max_jobs_queued;
	size_t unsaved = agent->unsaved_count;
	agent_unlock(agent);
	if (stopping)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE, "the agent is stopping");
	if (waiting >= waiting_max)
		return error_set(ret_error, ERROR_CODE_UNAVAILABLE,
				 "the queue is full: %zu jobs wait (the policy's maxJobsQueued)",
				 waiting);
	int r = agent->store->ops->check(agent->store, ret_error);
	if (!r && unsaved)
		r = error_set(ret_error, ERROR_CODE_UNAVAILABLE,
			      "the store could not take the ends of %zu jobs yet", unsaved);
	return r;
}

bool agent_warning(struct agent *agent, char ret_text[static AGENT_WARNING_BYTES])
{
	agent_lock(agent);
	size_t damaged = agent->damaged_count;
	agent_unlock(agent);
	size_t lost = agent->store->lost;
	bool emptied = agent->store->emptied, rolled_back = agent->store->rolled_back;
	snprintf(ret_text, AGENT_WARNING_BYTES,
		 "%s%sdamaged stored jobs: %zu (FAILED, with the problem damaged); lost rows: %zu",
		 emptied ? "jobs.db was empty or missing at the start where one had been; " : "",
		 rolled_back ? "jobs.db-wal was damaged, and changes in it are lost; " : "",
		 damaged, lost);
	return damaged || lost || emptied || rolled_back;
}
