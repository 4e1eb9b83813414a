/*
 * Frames with VLAN tags by the packet ring, over a veth pair: they arrive with the tags that they
 * left with, and these do not count against what the interface takes.
 */
#include "base/util.h"
#include "net/link.h"
#include "netns/lab.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <poll.h>

/* A job of whole frames through tx0; its destination is in them. */
static void course_by_tx0(struct course *course, struct job *job)
{
	struct sockaddr_in nobody = {.sin_family = AF_INET};
	*course = (struct course){.job = job, .receiver = -1};
	job_init(job, TXRING, (struct sockaddr *)&nobody);
	job->stream.destination.kind = PLAN_ETHERNET;
	job->stream.destination.family = AF_PACKET;
	snprintf(job->stream.destination.interface, IF_NAMESIZE, "tx0");
	snprintf(job->stream.destination.text, IF_NAMESIZE, "tx0");
}

static uint64_t counter_of_link(const char *name)
{
	struct link link;
	lab_enter(lab_rx);
	CHECK_INT(link_by_name(name, &link), ==, 0);
	lab_enter(lab_tx);
	return link.rx_packets;
}

/* One flow_send() of the job's first @packets; nobody looks at what arrives. */
static void send_at_once(struct course *course, uint64_t packets, struct engine_result *ret_result)
{
	struct engine *engine;
	struct flow *flow;
	struct trains trains;
	struct plan_cursor cursor = {0};
	struct train_cursor at = {0};
	CHECK_INT(engine_new(&engine, course->job->plan.engine, &course->job->plan), ==, 0);
	CHECK_INT(flow_open(&flow, engine, &course->job->stream, "streams[0]", &course->problems),
		  ==, 0);
	struct train_limits limits = flow_limits(flow);
	CHECK_INT(trains_pack(&trains, &course->job->stream, &limits, &cursor, packets), ==, 0);
	CHECK_INT(flow_load(flow, &trains), ==, 0);
	*ret_result = (struct engine_result){0};
	flow_send(flow, &at, packets, ret_result, &course->counters);
	CHECK_INT(flow_load(flow, NULL), ==, 0);
	trains_retire(&trains);
	flow_close(flow);
	engine_free(engine);
}

/* Tags do not count against the MTU, up to two: what has room for them gets the whole frame. */
TEST(frames_with_two_tags_may_be_longer_by_both)
{
	static const struct {
		uint16_t outer, inner;
		uint32_t more; /* than 1,500 and the Ethernet header */
		bool sent;
	} rows[] = {{ETH_P_8021AD, ETH_P_8021Q, 8, true},  {ETH_P_8021Q, ETH_P_8021Q, 8, true},
		    {ETH_P_8021AD, ETH_P_8021Q, 9, false}, {ETH_P_8021Q, ETH_P_IP, 4, true},
		    {ETH_P_8021Q, ETH_P_IP, 5, false},	   {ETH_P_IP, ETH_P_8021Q, 1, false}};
	lab_up();
	lab_enter(lab_rx);
	lab_do("ip link set rx0 mtu 1600"); /* a veth takes what its peer has room for */
	lab_enter(lab_tx);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct course course;
		struct job job;
		course_by_tx0(&course, &job);
		job_add(&job, 1514 + rows[i].more, 1);
		uint8_t *frame = (uint8_t *)job.items[0].bytes;
		memset(frame, 0, 1514 + rows[i].more);
		memset(frame, 0xff, 6); /* to whoever looks */
		frame[6] = 2;
		frame[12] = (uint8_t)(rows[i].outer >> 8);
		frame[13] = (uint8_t)rows[i].outer;
		frame[16] = (uint8_t)(rows[i].inner >> 8);
		frame[17] = (uint8_t)rows[i].inner;
		uint64_t before = counter_of_link("rx0");
		struct engine_result result;
		send_at_once(&course, 5, &result);
		CHECK_INT(result.sent, ==, rows[i].sent ? 5 : 0);
		CHECK_INT(result.refused > 0, ==, !rows[i].sent);
		CHECK_INT(result.error, ==, rows[i].sent ? 0 : EMSGSIZE);
		for (int tries = 0; counter_of_link("rx0") < before + result.sent; tries++) {
			CHECK_INT(tries, <, 60000);
			usleep(1000);
		}
		job_free(&job);
	}
}

/* ---- tags ---- */

/* Everything that comes to rx0; tags that the kernel took out of a frame come beside it. */
static int watch_rx0(void)
{
	int yes = 1;
	lab_enter(lab_rx);
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	struct sockaddr_ll at = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(ETH_P_ALL),
				 .sll_ifindex = (int)if_nametoindex("rx0")};
	CHECK(fd >= 0 && at.sll_ifindex > 0);
	CHECK_INT(setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &yes, sizeof yes), ==, 0);
	CHECK_INT(bind(fd, (struct sockaddr *)&at, sizeof at), ==, 0);
	lab_enter(lab_tx);
	return fd;
}

/* The next frame from tx0 of the type that the test sends, as it was on the wire. Return: its
 * length */
static size_t watched(int fd, uint8_t *frame, size_t size)
{
	for (;;) {
		struct pollfd comes = {.fd = fd, .events = POLLIN};
		uint8_t control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
		struct iovec into = {frame, size - 4};
		struct msghdr message = {.msg_iov = &into,
					 .msg_iovlen = 1,
					 .msg_control = control,
					 .msg_controllen = sizeof control};
		CHECK_INT(poll(&comes, 1, 60000), ==, 1);
		ssize_t len = recvmsg(fd, &message, 0);
		CHECK(len >= ETH_HLEN && CMSG_FIRSTHDR(&message));
		struct tpacket_auxdata aux;
		memcpy(&aux, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof aux);
		if (aux.tp_status & TP_STATUS_VLAN_VALID) {
			memmove(frame + 16, frame + 12, (size_t)len - 12);
			uint16_t tag[2] = {htons(aux.tp_vlan_tpid), htons(aux.tp_vlan_tci)};
			memcpy(frame + 12, tag, sizeof tag);
			len += 4;
		}
		if (len > 100 && frame[6] == 2 && frame[len - 1] == 0x77)
			return (size_t)len;
	}
}

TEST(frames_keep_their_tags)
{
	static const uint16_t rows[][2] = {{ETH_P_8021AD, ETH_P_8021Q},
					   {ETH_P_8021Q, ETH_P_8021Q},
					   {ETH_P_8021AD, ETH_P_8021AD},
					   {ETH_P_8021AD, 0},
					   {ETH_P_8021Q, 0}};
	enum { FRAMES = 3, LEN = 200 };
	lab_up();
	int fd = watch_rx0();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct course course;
		struct job job;
		course_by_tx0(&course, &job);
		for (uint8_t n = 0; n < FRAMES; n++) {
			job_add(&job, LEN + n, 1);
			uint8_t *frame = (uint8_t *)job.items[n].bytes, *at = frame + 12;
			memset(frame, 0xff, 6);
			memset(frame + 6, 2, 6);
			for (int tag = 0; tag < 2 && rows[i][tag]; tag++) {
				uint16_t words[2] = {htons(rows[i][tag]),
						     htons((uint16_t)(0x6000 | (100 + n + tag)))};
				memcpy(at, words, sizeof words);
				at += sizeof words;
			}
			memcpy(at, "\x88\xb5", 2);
			frame[LEN + n - 1] = 0x77;
		}
		struct engine_result result;
		send_at_once(&course, FRAMES, &result);
		CHECK_INT(result.sent, ==, FRAMES);
		for (uint32_t n = 0; n < FRAMES; n++) {
			uint8_t frame[2048];
			CHECK_INT(watched(fd, frame, sizeof frame), ==, LEN + n);
			CHECK(memcmp(frame, job.items[n].bytes, LEN + n) == 0);
		}
		job_free(&job);
	}
	close(fd);
}

TEST_MAIN(CASE(frames_with_two_tags_may_be_longer_by_both), CASE(frames_keep_their_tags))
