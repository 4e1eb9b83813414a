/*
 * queue: see queue.h.
 *
 * A root qdisc includes the counts of those below it. The dump is of all interfaces: only recent
 * kernels filter it.
 */
#include "net/queue.h"
#include "net/netlink.h"

#include <errno.h>
#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <string.h>

struct queue_answer {
	int ifindex;
	uint32_t drops;
};

static int take_queue(const struct nlmsghdr *message, void *context)
{
	struct queue_answer *answer = context;
	const struct tcmsg *info = netlink_fixed(message, sizeof *info);
	if (message->nlmsg_type != RTM_NEWQDISC || !info)
		return -EBADMSG;
	if (info->tcm_ifindex != answer->ifindex || info->tcm_parent != TC_H_ROOT)
		return 0;
	struct netlink_attribute attributes[TCA_STATS2 + 1], statistics[TCA_STATS_QUEUE + 1];
	netlink_attributes(message, sizeof *info, attributes, TCA_STATS2);
	if (!attributes[TCA_STATS2].data)
		return 0;
	netlink_nested(attributes[TCA_STATS2], statistics, TCA_STATS_QUEUE);
	struct gnet_stats_queue queue;
	if (statistics[TCA_STATS_QUEUE].len < sizeof queue)
		return 0;
	memcpy(&queue, statistics[TCA_STATS_QUEUE].data, sizeof queue);
	answer->drops += queue.drops;
	return 0;
}

static void restart_queue(void *context)
{
	struct queue_answer *answer = context;
	answer->drops = 0;
}

int queue_drops(uint32_t ifindex, uint32_t *ret_drops)
{
	if (!ifindex || ifindex > INT32_MAX)
		return -EINVAL;
	struct netlink_request request;
	struct tcmsg *info = netlink_begin(&request, RTM_GETQDISC, NLM_F_DUMP, sizeof *info);
	info->tcm_ifindex = (int)ifindex;
	struct queue_answer answer = {.ifindex = (int)ifindex};
	int error = netlink_ask(&request, take_queue, restart_queue, &answer);
	if (error)
		return error;
	*ret_drops = answer.drops;
	return 0;
}
