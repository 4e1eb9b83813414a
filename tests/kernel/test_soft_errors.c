/* Errors of a splice() to a socket that are not about the datagram at hand. */
#include "kernel/rig.h"

#include <linux/errqueue.h>
#include <linux/filter.h>

static void recverr(struct rig *rig)
{
	int on = 1;
	CHECK_INT(setsockopt(rig->sender, IPPROTO_IP, IP_RECVERR, &on, sizeof on), ==, 0);
}

/* The receiver goes away; the first datagram makes the ICMP that the second call reports. */
static void make_refused(struct rig *rig)
{
	close(rig->receiver);
	rig_push(rig, rig->memory, 100);
	CHECK_INT(rig_splice(rig, 40, 0), ==, 40);
	CHECK_INT(rig_splice(rig, 60, 0), ==, -ECONNREFUSED);
}

static void receive_again(struct rig *rig)
{
	rig->receiver = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	CHECK_INT(bind(rig->receiver, (struct sockaddr *)&rig->to, sizeof rig->to), ==, 0);
}

TEST(econnrefused_consumes_nothing)
{
	struct rig rig = rig_open();
	make_refused(&rig);
	CHECK_INT(rig_inside(&rig), ==, 60);
	receive_again(&rig);
	CHECK_INT(rig_splice(&rig, 60, 0), ==, 60); /* the error was told once, and is gone */
	rig_expect(&rig, rig.memory + 40, 60);
	rig_expect_none(&rig);
	rig_close(&rig);
}

TEST(error_queue_keeps_one_entry_for_each_refusal)
{
	struct rig rig = rig_open();
	recverr(&rig);
	make_refused(&rig);
	char control[512];
	struct msghdr message = {.msg_control = control, .msg_controllen = sizeof control};
	CHECK_INT(recvmsg(rig.sender, &message, MSG_ERRQUEUE | MSG_DONTWAIT), ==, 0);
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);
	CHECK(c && c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR);
	const struct sock_extended_err *error = (const void *)CMSG_DATA(c);
	CHECK_INT(error->ee_errno, ==, ECONNREFUSED);
	CHECK_INT(error->ee_origin, ==, SO_EE_ORIGIN_ICMP);
	CHECK_INT(recvmsg(rig.sender, &message, MSG_ERRQUEUE | MSG_DONTWAIT), ==, -1);
	receive_again(&rig);
	rig_close(&rig);
}

TEST(reading_the_error_queue_clears_the_pending_error)
{
	struct rig rig = rig_open();
	recverr(&rig);
	close(rig.receiver);
	rig_push(&rig, rig.memory, 100);
	CHECK_INT(rig_splice(&rig, 40, 0), ==, 40);
	char control[512];
	struct msghdr message = {.msg_control = control, .msg_controllen = sizeof control};
	CHECK_INT(recvmsg(rig.sender, &message, MSG_ERRQUEUE | MSG_DONTWAIT), ==, 0);
	receive_again(&rig);
	CHECK_INT(rig_splice(&rig, 60, 0), ==, 60);
	rig_expect(&rig, rig.memory + 40, 60);
	rig_close(&rig);
}

/* The filter that the agent puts on its sending sockets keeps replies from filling the receive
 * buffer, whose room the error queue shares. */
TEST(filter_that_accepts_nothing_still_lets_errors_through)
{
	struct rig rig = rig_open();
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog filter = {.len = 1, .filter = &nothing};
	struct sockaddr_in at;
	socklen_t len = sizeof at;
	CHECK_INT(setsockopt(rig.sender, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter), ==,
		  0);
	CHECK_INT(getsockname(rig.sender, (struct sockaddr *)&at, &len), ==, 0);
	CHECK_INT(sendto(rig.receiver, "reply", 5, 0, (struct sockaddr *)&at, len), ==, 5);
	char byte;
	CHECK_INT(recv(rig.sender, &byte, 1, MSG_DONTWAIT), ==, -1);
	CHECK_INT(errno, ==, EAGAIN);
	make_refused(&rig);
	receive_again(&rig);
	rig_close(&rig);
}

TEST_MAIN(CASE(econnrefused_consumes_nothing), CASE(error_queue_keeps_one_entry_for_each_refusal),
	  CASE(reading_the_error_queue_clears_the_pending_error),
	  CASE(filter_that_accepts_nothing_still_lets_errors_through))
