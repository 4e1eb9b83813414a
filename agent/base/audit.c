/* audit: see audit.h. */
#include "pagecast/audit.h"

#include "base/log.h"

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

static struct {
	pthread_mutex_t lock;
	time_t second; /* of CLOCK_MONOTONIC */
	uint64_t written, left_out;
} anonymous = {.lock = PTHREAD_MUTEX_INITIALIZER}; /* the process has one log */

/* Whether another line about an unauthenticated caller may be written. *ret_left_out: the lines
 * suppressed since the last one */
static bool admit_anonymous(uint64_t *ret_left_out)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	pthread_mutex_lock(&anonymous.lock);
	if (now.tv_sec != anonymous.second) {
		anonymous.second = now.tv_sec;
		anonymous.written = 0;
	}
	bool admitted = anonymous.written < AUDIT_ANONYMOUS_A_SECOND;
	if (admitted) {
		anonymous.written++;
		*ret_left_out = anonymous.left_out;
		anonymous.left_out = 0;
	} else {
		anonymous.left_out++;
	}
	pthread_mutex_unlock(&anonymous.lock);
	return admitted;
}

static void put(struct log_pair *pairs, size_t *count, const char *key, const char *value)
{
	if (value && *value)
		pairs[(*count)++] = (struct log_pair){key, value};
}

void audit_write(const struct audit_entry *entry)
{
	char number[24];
	uint64_t left_out = 0;
	if (!entry->principal && !admit_anonymous(&left_out))
		return;
	struct log_pair pairs[10 + AUDIT_PAIRS_MAX];
	size_t count = 0;
	pairs[count++] = (struct log_pair){"principal", entry->principal ? entry->principal : "-"};
	put(pairs, &count, "accessor", entry->accessor);
	put(pairs, &count, "claimed_accessor", entry->claimed);
	pairs[count++] = (struct log_pair){"peer", entry->peer};
	pairs[count++] = (struct log_pair){"action", entry->action};
	put(pairs, &count, "id", entry->id);
	pairs[count++] = (struct log_pair){"verdict", error_code_name(entry->verdict)};
	put(pairs, &count, "rule", entry->rule);
	for (size_t i = 0; i < entry->pair_count && i < AUDIT_PAIRS_MAX; i++)
		put(pairs, &count, entry->pairs[i].key, entry->pairs[i].value);
	if (left_out)
		pairs[count++] = (struct log_pair){"left_out", log_format_u64(number, left_out)};
	put(pairs, &count, "reason", entry->reason); /* last: it may be long, and is cut */
	log_pairs(LOG_LEVEL_AUDIT, "audit", pairs, count);
}
