/*
 * gaps: receive UDP datagrams and report what really arrived: how many, of which sizes, at which
 * rate, how far the gaps between them are from even. The judge at the far end: of the sender it
 * knows nothing. Times are the kernel's receive time stamps (SO_TIMESTAMPNS), so the reader's own
 * wake-ups do not count.
 *
 * usage: gaps [--address A] [--port N] [--idle-ms N] [--pps X] [--count N]
 *
 * Says "port N" on stderr once it is bound (port 0, the default: a free one). Ends after --count
 * datagrams, or --idle-ms without one (30 s for the first), and prints one JSON line; exit 1 if
 * nothing came. "lost_here" is what the kernel dropped for lack of room in this socket: a count
 * that falls short by that much is the judge's fault, not the sender's.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum {
	BATCH = 64,
	GAPS_MAX = 4 << 20, /* gaps kept: 40 s at 100,000 pps; later datagrams are only counted */
	BUFFER = 256 << 20,
	FIRST_WAIT_MS = 30000,
	DATAGRAM_MAX = 65536,
};

struct options {
	struct sockaddr_in address;
	int idle_ms;
	double pps; /* 0: judged against the rate that was seen */
	uint64_t count;
};

struct tally {
	uint64_t datagrams, bytes, lost_here;
	int64_t first_ns, last_ns;
	int min_len, max_len;
	int64_t *gaps; /* [GAPS_MAX] */
};

static int usage(void)
{
	fprintf(stderr,
		"usage: gaps [--address A] [--port N] [--idle-ms N] [--pps X] [--count N]\n");
	return 2;
}

static bool parse(int argc, char **argv, struct options *ret_options)
{
	static const struct option names[] = {
		{"address", required_argument, NULL, 'a'}, {"port", required_argument, NULL, 'p'},
		{"idle-ms", required_argument, NULL, 'i'}, {"pps", required_argument, NULL, 'r'},
		{"count", required_argument, NULL, 'c'},   {NULL, 0, NULL, 0},
	};
	struct options options = {.address.sin_family = AF_INET, .idle_ms = 700};

	for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
		switch (c) {
		case 'a':
			if (inet_pton(AF_INET, optarg, &options.address.sin_addr) != 1)
				return false;
			break;
		case 'p':
			options.address.sin_port = htons((uint16_t)strtoul(optarg, NULL, 10));
			break;
		case 'i': options.idle_ms = (int)strtol(optarg, NULL, 10); break;
		case 'r': options.pps = strtod(optarg, NULL); break;
		case 'c': options.count = strtoull(optarg, NULL, 10); break;
		default: return false;
		}
	}
	*ret_options = options;
	return optind == argc && options.idle_ms > 0;
}

static int open_socket(const struct options *options)
{
	struct sockaddr_in bound;
	socklen_t size = sizeof bound;
	int on = 1, buffer = BUFFER, sock = socket(AF_INET, SOCK_DGRAM, 0);

	if (sock < 0 || setsockopt(sock, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on))
		return -1;
	/* past the system's bound only with the privilege; else as much as it allows */
	if (setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer))
		setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
	if (bind(sock, (const struct sockaddr *)&options->address, sizeof options->address) ||
	    getsockname(sock, (struct sockaddr *)&bound, &size))
		return -1;
	fprintf(stderr, "port %u\n", ntohs(bound.sin_port));
	return sock;
}

static void count_one(struct tally *tally, const struct mmsghdr *message)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(&message->msg_hdr);
	struct timespec stamp = {0};
	int len = (int)message->msg_len;

	if (control && control->cmsg_type == SCM_TIMESTAMPNS)
		memcpy(&stamp, CMSG_DATA(control), sizeof stamp);
	int64_t now_ns = stamp.tv_sec * 1000000000LL + stamp.tv_nsec;
	if (!tally->datagrams)
		tally->first_ns = now_ns;
	else if (tally->datagrams <= GAPS_MAX)
		tally->gaps[tally->datagrams - 1] = now_ns - tally->last_ns;
	tally->last_ns = now_ns;
	tally->datagrams++;
	tally->bytes += (uint64_t)len;
	if (len < tally->min_len)
		tally->min_len = len;
	if (len > tally->max_len)
		tally->max_len = len;
}

static void receive(int sock, const struct options *options, struct tally *tally)
{
	static char data[BATCH][DATAGRAM_MAX], control[BATCH][128];
	struct mmsghdr messages[BATCH];
	struct iovec pieces[BATCH];
	uint32_t info[SK_MEMINFO_VARS] = {0};
	socklen_t size = sizeof info;

	while (!options->count || tally->datagrams < options->count) {
		struct pollfd waiting = {sock, POLLIN, 0};
		if (poll(&waiting, 1, tally->datagrams ? options->idle_ms : FIRST_WAIT_MS) == 0)
			break;
		for (int i = 0; i < BATCH; i++) {
			pieces[i] = (struct iovec){data[i], sizeof data[i]};
			messages[i].msg_hdr = (struct msghdr){
				.msg_iov = &pieces[i],
				.msg_iovlen = 1,
				.msg_control = control[i],
				.msg_controllen = sizeof control[i],
			};
		}
		int got = recvmmsg(sock, messages, BATCH, MSG_DONTWAIT, NULL);
		for (int i = 0; i < got; i++)
			count_one(tally, &messages[i]);
	}
	if (getsockopt(sock, SOL_SOCKET, SO_MEMINFO, info, &size) == 0)
		tally->lost_here = info[SK_MEMINFO_DROPS];
}

static int by_value(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
	return (a > b) - (a < b);
}

/* Most datagrams in a row with less than a tenth of the ideal gap between them. */
static size_t longest_burst(const int64_t *gaps, size_t count, int64_t ideal_ns)
{
	size_t longest = 1, run = 1;

	for (size_t i = 0; i < count; i++) {
		run = gaps[i] < ideal_ns / 10 ? run + 1 : 1;
		if (run > longest)
			longest = run;
	}
	return longest;
}

static void report(struct tally *tally, double pps_asked)
{
	int64_t *errors = tally->gaps; /* gaps become |gap - ideal| in place */
	size_t count = tally->datagrams - 1 < GAPS_MAX ? tally->datagrams - 1 : GAPS_MAX;
	double seconds = (double)(tally->last_ns - tally->first_ns) / 1e9;
	double pps = seconds > 0 ? (double)(tally->datagrams - 1) / seconds : 0;
	double judged = pps_asked > 0 ? pps_asked : pps;
	int64_t ideal_ns = judged > 0 ? (int64_t)(1e9 / judged) : 0;
	size_t burst = longest_burst(tally->gaps, count, ideal_ns);

	for (size_t i = 0; i < count; i++)
		errors[i] = llabs(tally->gaps[i] - ideal_ns);
	qsort(errors, count, sizeof *errors, by_value);
	printf("{\"datagrams\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"min_len\":%d,\"max_len\":%d,"
	       "\"lost_here\":%" PRIu64 ",\"seconds\":%.6f,\"pps\":%.3f,",
	       tally->datagrams, tally->bytes, tally->min_len, tally->max_len, tally->lost_here,
	       seconds, pps);
	printf("\"gap_error_ns\":{\"p50\":%" PRId64 ",\"p90\":%" PRId64 ",\"p99\":%" PRId64
	       ",\"max\":%" PRId64 "},\"longest_burst\":%zu}\n",
	       count ? errors[count / 2] : 0, count ? errors[count * 9 / 10] : 0,
	       count ? errors[count * 99 / 100] : 0, count ? errors[count - 1] : 0, burst);
}

int main(int argc, char **argv)
{
	struct options options;
	struct tally tally = {.min_len = DATAGRAM_MAX};

	if (!parse(argc, argv, &options))
		return usage();
	tally.gaps = calloc(GAPS_MAX, sizeof *tally.gaps);
	int sock = open_socket(&options);
	if (!tally.gaps || sock < 0) {
		perror("gaps");
		return 1;
	}
	receive(sock, &options, &tally);
	if (tally.datagrams)
		report(&tally, options.pps);
	else
		printf("{\"datagrams\":0,\"lost_here\":%" PRIu64 "}\n", tally.lost_here);
	free(tally.gaps);
	return tally.datagrams ? 0 : 1;
}
