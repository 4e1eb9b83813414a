/*
 * sender_link: see sender_link.h.
 *
 * Each path keeps, for each kind of trouble, since when it lasts, how often and how long it was so.
 * The watch of the agent writes it, the worker reads it at the end: both under rates_lock, which is
 * held for copying only. What lasts when the job ends lasts in the report.
 */
#include "sender/sender_link.h"

#include "base/util.h"
#include "net/link_watch.h"
#include "sender/sender_path.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

static const struct {
	enum problem_code code;
	int error;
} kinds[SENDER_LINK_KINDS] = {
	[SENDER_LINK_GONE] = {PROBLEM_INTERFACE_GONE, ENODEV},
	[SENDER_LINK_DOWN] = {PROBLEM_INTERFACE_DOWN, ENETDOWN},
	[SENDER_LINK_NO_CARRIER] = {PROBLEM_INTERFACE_DOWN, ENETDOWN},
	[SENDER_LINK_ADDRESS_GONE] = {PROBLEM_ADDRESS_GONE, EADDRNOTAVAIL},
	[SENDER_LINK_MTU] = {PROBLEM_MESSAGE_TOO_LONG, 0},
	[SENDER_LINK_RENAMED] = {PROBLEM_INTERFACE_GONE, 0},
};

static void set(struct sender_path *path, enum sender_link_kind kind, bool is_so, int64_t now_ns)
{
	struct sender_link_spell *spell = &path->spells[kind];
	if (is_so == (spell->since_ns != 0))
		return;
	if (is_so) {
		spell->since_ns = now_ns;
		spell->times++;
		if (!spell->first_ns)
			spell->first_ns = now_ns;
	} else {
		spell->total_ns += MAX(now_ns - spell->since_ns, INT64_C(0));
		spell->since_ns = 0;
	}
}

/* @path was up, with a carrier and all of its MTU, or what it was then is no news. */
static void note_link(struct sender_path *path, const struct link *link, int64_t now_ns)
{
	const struct link *before = &path->before;
	struct sender_link_spell *mtu = &path->spells[SENDER_LINK_MTU];
	set(path, SENDER_LINK_DOWN, before->up && !link->up, now_ns);
	/* without an administrator's "up" there is no carrier either */
	if (link->up)
		set(path, SENDER_LINK_NO_CARRIER, before->carrier && !link->carrier, now_ns);
	set(path, SENDER_LINK_MTU, link->mtu < before->mtu, now_ns);
	if (link->mtu < before->mtu && (!mtu->least || link->mtu < mtu->least))
		mtu->least = link->mtu;
	bool renamed = strcmp(link->name, before->name) != 0;
	set(path, SENDER_LINK_RENAMED, renamed, now_ns);
	if (renamed)
		memcpy(path->renamed, link->name, sizeof path->renamed);
}

static bool same_ip(const union net_ip *a, const union net_ip *b)
{
	size_t a_len, b_len;
	const void *a_bytes = net_ip_bytes(&a->any, &a_len);
	const void *b_bytes = net_ip_bytes(&b->any, &b_len);
	return a_bytes && b_bytes && a_len == b_len && memcmp(a_bytes, b_bytes, a_len) == 0;
}

static void note(struct sender_path *path, const struct link_change *change, int64_t now_ns)
{
	switch (change->kind) {
	case LINK_CHANGED: note_link(path, &change->link, now_ns); return;
	case LINK_GONE: /* nothing else is true of it any more */
		for (int kind = 0; kind < SENDER_LINK_KINDS; kind++)
			set(path, kind, kind == SENDER_LINK_GONE, now_ns);
		return;
	case ADDRESS_ADDED:
	case ADDRESS_GONE:
		if (same_ip(&path->source, &change->ip))
			set(path, SENDER_LINK_ADDRESS_GONE, change->kind == ADDRESS_GONE, now_ns);
		return;
	}
}

void sender_link_changed(struct sender *sender, const struct link_change *change,
			 int64_t realtime_ns)
{
	pthread_mutex_lock(&sender->rates_lock);
	for (size_t p = 0; p < sender->path_count; p++) {
		struct sender_path *path = &sender->paths[p];
		bool known = path->interface[0] && path->before.index == path->ifindex;
		if (known && path->ifindex == change->ifindex)
			note(path, change, realtime_ns);
	}
	pthread_mutex_unlock(&sender->rates_lock);
}

static const char *source_text(const struct sender_path *path, char text[INET6_ADDRSTRLEN])
{
	size_t len;
	const void *bytes = net_ip_bytes(&path->source.any, &len);
	if (!bytes || !inet_ntop(path->source.any.sa_family, bytes, text, INET6_ADDRSTRLEN))
		return "";
	return text;
}

/* "interface eth0 has no carrier", and in the past. */
static void what(const struct sender_path *path, enum sender_link_kind kind, bool now, char *text,
		 size_t size)
{
	char source[INET6_ADDRSTRLEN];
	const char *name = path->interface;
	switch (kind) {
	case SENDER_LINK_GONE:
		snprintf(text, size, "interface %s %s", name, now ? "is removed" : "was removed");
		return;
	case SENDER_LINK_DOWN:
		snprintf(text, size, "interface %s %s down", name, now ? "is" : "was");
		return;
	case SENDER_LINK_NO_CARRIER:
		snprintf(text, size,
			 "interface %s %s no carrier (no cable, or the other end is down)", name,
			 now ? "has" : "had");
		return;
	case SENDER_LINK_ADDRESS_GONE:
		snprintf(text, size, "the source address %s %s removed from interface %s",
			 source_text(path, source), now ? "is" : "was", name);
		return;
	case SENDER_LINK_MTU:
		snprintf(text, size,
			 "the MTU of interface %s %s lowered from %" PRIu32 " to %" PRIu32, name,
			 now ? "is" : "was", path->before.mtu, path->spells[kind].least);
		return;
	case SENDER_LINK_RENAMED:
		snprintf(text, size, "interface %s %s called %s", name, now ? "is" : "was",
			 path->renamed);
		return;
	case SENDER_LINK_KINDS: break;
	}
	text[0] = '\0';
}

/* Under rates_lock. */
static void put_words(const struct sender_path *path, enum sender_link_kind kind, char *text,
		      size_t size)
{
	const struct sender_link_spell *spell = &path->spells[kind];
	char since[CLOCK_TEXT_BYTES], so[PROBLEM_MESSAGE_MAX / 2];
	what(path, kind, spell->since_ns != 0, so, sizeof so);
	if (spell->since_ns && spell->times == 1)
		snprintf(text, size, "%s since %s", so, clock_text(spell->since_ns, since));
	else if (spell->since_ns)
		snprintf(text, size, "%s since %s, and %" PRIu32 " times before, %.3g s in all", so,
			 clock_text(spell->since_ns, since), spell->times - 1,
			 (double)spell->total_ns / CLOCK_NS_PER_S);
	else if (spell->times == 1)
		snprintf(text, size, "%s for %.3g s, from %s on", so,
			 (double)spell->total_ns / CLOCK_NS_PER_S,
			 clock_text(spell->first_ns, since));
	else
		snprintf(text, size, "%s %" PRIu32 " times, %.3g s in all, first from %s on", so,
			 spell->times, (double)spell->total_ns / CLOCK_NS_PER_S,
			 clock_text(spell->first_ns, since));
}

static enum problem_severity severity(enum sender_link_kind kind)
{
	return kind == SENDER_LINK_RENAMED ? PROBLEM_INFO : PROBLEM_WARNING;
}

bool sender_link_now(struct sender *sender, struct problem *ret_problem)
{
	bool found = false;
	pthread_mutex_lock(&sender->rates_lock);
	for (int kind = 0; kind < SENDER_LINK_KINDS && !found; kind++)
		for (size_t p = 0; p < sender->path_count && !found; p++) {
			const struct sender_path *path = &sender->paths[p];
			if (!path->spells[kind].since_ns)
				continue;
			found = true;
			*ret_problem = (struct problem){.code = kinds[kind].code,
							.severity = severity(kind),
							.error = kinds[kind].error,
							.count = path->spells[kind].times};
			put_words(path, kind, ret_problem->message, sizeof ret_problem->message);
			snprintf(ret_problem->field, sizeof ret_problem->field, "%s",
				 sender_path_field(sender, path));
		}
	pthread_mutex_unlock(&sender->rates_lock);
	return found;
}

bool sender_link_tell(struct sender *sender, struct sender_path *path, enum problem_code code)
{
	char text[PROBLEM_MESSAGE_MAX] = "";
	enum problem_severity worst = PROBLEM_INFO;
	uint32_t times = 0;
	int error = 0;
	pthread_mutex_lock(&sender->rates_lock);
	for (int kind = 0; kind < SENDER_LINK_KINDS; kind++) {
		if (kinds[kind].code != code || !path->spells[kind].times)
			continue;
		size_t len = strlen(text);
		if (times)
			len += (size_t)snprintf(text + len, sizeof text - len, "; ");
		put_words(path, kind, text + MIN(len, sizeof text - 1),
			  sizeof text - MIN(len, sizeof text - 1));
		times += path->spells[kind].times;
		worst = MAX(worst, severity(kind));
		error = error ? error : kinds[kind].error;
	}
	pthread_mutex_unlock(&sender->rates_lock);
	if (!times)
		return false;
	problem_add(&sender->problems, code, worst, sender_path_field(sender, path), error, times,
		    "%s", text);
	return true;
}
