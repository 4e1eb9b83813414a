/*
 * uring: the bare ways to get datagrams out through io_uring's zero-copy send, as ways.c has those
 * of plain sockets.
 *
 * usage: uring WAY LEN COUNT IPv4 [START]
 *
 *   template  the same train of equal datagrams, over and over
 *   stamped   each datagram gets another stamp of 32 bytes (number, crc32c) at its end, in place: a
 *             buffer is written again when the kernel's notification says that it is done with it
 *   fresh     every byte of every datagram is written anew, likewise
 *
 * One ring, one registered socket, one registered arena of BUFFERS trains on huge pages,
 * UDP_SEGMENT as an option of the socket. Sends at least COUNT datagrams of LEN bytes to port 9999,
 * from START on (CLOCK_REALTIME, seconds), and prints one JSON line. A send that fails ends the
 * program.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <liburing.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum {
	BUFFERS = 128,
	BUFFER_BYTES = 65536,
	TRAIN_BYTES_MAX = 65507,
	SEGMENTS_MAX = 128,
	STAMP_BYTES = 32,
	SOURCE_BYTES = 4 << 20, /* what fresh datagrams are copied from */
	LEN_MAX = 8972,
	PORT = 9999,
};

enum way { TEMPLATE, STAMPED, FRESH, WAYS };
static const char *const names[WAYS] = {"template", "stamped", "fresh"};

static struct io_uring ring;
static char *arena, *source;
static int idle[BUFFERS], idle_count;
static enum way way;
static size_t len, segments;
static long trains, issued, done, calls;
static uint64_t number;

static void die(const char *what, int error)
{
	fprintf(stderr, "uring: %s: %s\n", what, strerror(error));
	exit(1);
}

static double seconds(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

#ifdef __SSE4_2__
#define CRC(crc, word) __builtin_ia32_crc32di(crc, word)
#else
#define CRC(crc, word) ((crc)*UINT64_C(0x9e3779b97f4a7c15) ^ (word)) /* costs as much */
#endif

static void stamp(char *end)
{
	uint64_t words[3] = {UINT64_C(0x5047433100000001), number, number * 3}, crc = 0;
	for (int i = 0; i < 3; i++)
		crc = CRC(crc, words[i]);
	memcpy(end - STAMP_BYTES, words, sizeof words);
	memcpy(end - sizeof(uint32_t), &crc, sizeof(uint32_t));
}

static void write_train(char *train)
{
	for (size_t i = 0; i < segments; i++, number++) {
		char *packet = train + i * len;
		if (way == STAMPED)
			stamp(packet + len);
		else
			memcpy(packet, source + number * len % (SOURCE_BYTES - LEN_MAX), len);
	}
}

static void issue(void)
{
	struct io_uring_sqe *sqe;
	while (issued < trains && idle_count && (sqe = io_uring_get_sqe(&ring))) {
		int buffer = idle[--idle_count];
		char *train = arena + (size_t)buffer * BUFFER_BYTES;
		if (way != TEMPLATE)
			write_train(train);
		io_uring_prep_send_zc(sqe, 0, train, segments * len, MSG_DONTWAIT, 0);
		sqe->ioprio |= IORING_RECVSEND_FIXED_BUF;
		sqe->buf_index = 0;
		sqe->flags |= IOSQE_FIXED_FILE;
		io_uring_sqe_set_data64(sqe, (uint64_t)buffer);
		issued++;
	}
}

/* Return: how many completions there were */
static unsigned int reap(void)
{
	struct io_uring_cqe *cqe;
	unsigned int head, seen = 0;
	io_uring_for_each_cqe(&ring, head, cqe)
	{
		bool notification = cqe->flags & IORING_CQE_F_NOTIF;
		seen++;
		if (!notification && cqe->res < 0)
			die("send", -cqe->res);
		done += !notification;
		if (notification || !(cqe->flags & IORING_CQE_F_MORE))
			idle[idle_count++] = (int)cqe->user_data;
	}
	io_uring_cq_advance(&ring, seen);
	return seen;
}

static void run(void)
{
	while (done < trains) {
		issue();
		calls++;
		io_uring_submit_and_get_events(&ring);
		if (reap() || idle_count)
			continue;
		calls++;
		io_uring_submit_and_wait(&ring, 1);
	}
}

static void set_up(const char *address)
{
	struct io_uring_params params = {.flags = IORING_SETUP_SINGLE_ISSUER |
						  IORING_SETUP_DEFER_TASKRUN};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	int room = 8 << 20, size = (int)len, fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
		die("address", EINVAL);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) ||
	    setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size))
		die("socket", errno);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
	struct iovec whole = {.iov_len = (size_t)BUFFERS * BUFFER_BYTES};
	arena = whole.iov_base = mmap(NULL, whole.iov_len, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	source = malloc(SOURCE_BYTES);
	if (arena == MAP_FAILED || !source)
		die("memory", ENOMEM);
	madvise(arena, whole.iov_len, MADV_HUGEPAGE);
	memset(arena, 7, whole.iov_len);
	memset(source, 5, SOURCE_BYTES);
	int error = io_uring_queue_init_params(2 * BUFFERS, &ring, &params);
	if (!error)
		error = io_uring_register_buffers(&ring, &whole, 1);
	if (!error)
		error = io_uring_register_files(&ring, &fd, 1);
	if (error)
		die("io_uring", -error);
	while (idle_count < BUFFERS) {
		idle[idle_count] = idle_count;
		idle_count++;
	}
}

static void wait_until(double start)
{
	time_t whole = (time_t)start;
	struct timespec at = {whole, (long)((start - (double)whole) * 1e9)};
	clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &at, NULL);
}

static void measure(void)
{
	double begin = seconds(CLOCK_REALTIME);
	double time = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
	run();
	time = seconds(CLOCK_MONOTONIC) - time;
	cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	double packets = (double)trains * (double)segments;
	printf("{\"way\":\"uring-%s\",\"len\":%zu,\"packets\":%.0f,\"begin\":%.6f,"
	       "\"seconds\":%.6f,\"mpps\":%.4f,\"gbps\":%.3f,\"cpu_ns_per_packet\":%.1f,"
	       "\"syscalls_per_packet\":%.4f}\n",
	       names[way], len, packets, begin, time, packets / time / 1e6,
	       packets * 8.0 * (double)len / time / 1e9, cpu / packets * 1e9,
	       (double)calls / packets);
}

int main(int argc, char **argv)
{
	if (argc < 5 || argc > 6) {
		fprintf(stderr, "usage: uring template|stamped|fresh LEN COUNT IPv4 [START]\n");
		return 2;
	}
	while (way < WAYS && strcmp(argv[1], names[way]) != 0)
		way++;
	len = strtoul(argv[2], NULL, 10);
	long want = strtol(argv[3], NULL, 10);
	if (way == WAYS || len < STAMP_BYTES || len > LEN_MAX || want < 1) {
		fprintf(stderr,
			"uring: WAY %s is none, LEN %s is not %d to %d, or COUNT %s is "
			"below 1\n",
			argv[1], argv[2], STAMP_BYTES, LEN_MAX, argv[3]);
		return 2;
	}
	segments = TRAIN_BYTES_MAX / len < SEGMENTS_MAX ? TRAIN_BYTES_MAX / len : SEGMENTS_MAX;
	trains = (want + (long)segments - 1) / (long)segments;
	set_up(argv[4]);
	wait_until(argc == 6 ? strtod(argv[5], NULL) : 0);
	measure();
	return 0;
}
