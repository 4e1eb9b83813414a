/* neighbour: see neighbour.h. */
#include "net/neighbour.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <string.h>

#include "net/netlink.h"

struct neighbour_answer {
	struct neighbour *neighbour;
	bool found;
};

static enum neighbour_state neighbour_state(uint16_t state)
{
	if (state & NUD_PERMANENT)
		return NEIGHBOUR_PERMANENT;
	if (state & NUD_NOARP)
		return NEIGHBOUR_NOARP;
	if (state & NUD_REACHABLE)
		return NEIGHBOUR_REACHABLE;
	if (state & (NUD_STALE | NUD_DELAY | NUD_PROBE))
		return NEIGHBOUR_STALE;
	if (state & NUD_FAILED)
		return NEIGHBOUR_FAILED;
	if (state & NUD_INCOMPLETE)
		return NEIGHBOUR_INCOMPLETE;
	return NEIGHBOUR_NONE;
}

static int take_neighbour(const struct nlmsghdr *message, void *context)
{
	struct neighbour_answer *answer = context;
	const struct ndmsg *info = netlink_fixed(message, sizeof *info);
	if (message->nlmsg_type != RTM_NEWNEIGH || !info)
		return -EBADMSG;
	struct netlink_attribute attributes[NDA_LLADDR + 1];
	netlink_attributes(message, sizeof *info, attributes, NDA_LLADDR);
	answer->neighbour->state = neighbour_state(info->ndm_state);
	bool valid = answer->neighbour->state != NEIGHBOUR_NONE &&
		     answer->neighbour->state != NEIGHBOUR_INCOMPLETE &&
		     answer->neighbour->state != NEIGHBOUR_FAILED;
	if (valid && attributes[NDA_LLADDR].len == ETH_ALEN) {
		memcpy(answer->neighbour->mac, attributes[NDA_LLADDR].data, ETH_ALEN);
		answer->neighbour->has_mac = true;
	}
	answer->found = true;
	return 0;
}

int neighbour_get(uint32_t ifindex, const struct sockaddr *next_hop,
		  struct neighbour *ret_neighbour)
{
	size_t len;
	const void *bytes = net_ip_bytes(next_hop, &len);
	if (!bytes || !ifindex || ifindex > INT32_MAX)
		return -EINVAL;
	struct netlink_request request;
	struct ndmsg *info = netlink_begin(&request, RTM_GETNEIGH, 0, sizeof *info);
	info->ndm_family = (uint8_t)next_hop->sa_family;
	info->ndm_ifindex = (int)ifindex;
	netlink_add(&request, NDA_DST, bytes, len);
	struct neighbour neighbour = {.state = NEIGHBOUR_NONE};
	struct neighbour_answer answer = {.neighbour = &neighbour};
	int error = netlink_ask(&request, take_neighbour, NULL, &answer);
	if (error == -ENOENT)
		error = 0;
	else if (!error && !answer.found)
		error = -EBADMSG;
	if (error)
		return error;
	*ret_neighbour = neighbour;
	return 0;
}

static int take_nothing(const struct nlmsghdr *message, void *context)
{
	(void)message; /* only an acknowledgement is expected */
	(void)context;
	return -EBADMSG;
}

int neighbour_ask(uint32_t ifindex, const struct sockaddr *next_hop)
{
	size_t len;
	const void *bytes = net_ip_bytes(next_hop, &len);
	if (!bytes || !ifindex || ifindex > INT32_MAX)
		return -EINVAL;
	struct netlink_request request;
	struct ndmsg *info =
		netlink_begin(&request, RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE, sizeof *info);
	info->ndm_family = (uint8_t)next_hop->sa_family;
	info->ndm_ifindex = (int)ifindex;
	info->ndm_flags = NTF_USE;
	netlink_add(&request, NDA_DST, bytes, len);
	return netlink_ask(&request, take_nothing, NULL, NULL);
}
