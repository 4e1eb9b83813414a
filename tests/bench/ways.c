/*
 * ways: the bare ways to get datagrams out of a Linux socket, one loop each and nothing around it:
 * what the agent's engines are held against, in the same run.
 *
 * usage: ways WAY LEN COUNT IPv4 [START]
 *
 * Sends at least COUNT datagrams of LEN bytes to port 9999 and prints one JSON line; from START on,
 * in seconds of CLOCK_REALTIME, so that several begin together. A call that
 * returns anything but what was asked ends the program: a loop that loses step measures nothing.
 * The ways that write no payload send the same pages over and over; only "fresh" may not.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum {
	PAGE = 4096,
	ARENA = 64 << 20, /* more than any cache: a copy from it pays for memory */
	FRESH = 2 << 20,  /* one huge page */
	TRAIN_BYTES_MAX = 61440,
	SEGMENTS_MAX = 128,
	BATCH = 64,		/* datagrams a sendmmsg() */
	TRAINS_A_VMSPLICE = 14, /* 15 pages each: what a 1 MiB pipe holds */
	TEXTBOOK_OFFSET = 64,	/* where in its page a packet starts */
	LEN_MAX = 8972,		/* an MTU of 9000; a train of 6 */
	PORT = 9999,
};

static char *arena;
static int sock, pipe_in, pipe_out, trash;
static size_t len;
static long sent, want, calls;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double seconds(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static char *map(size_t size)
{
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		die("mmap");
	madvise(memory, size, MADV_HUGEPAGE);
	return memory;
}

static void must(ssize_t got, size_t expect, const char *what)
{
	calls++;
	if (got != (ssize_t)expect)
		die(what);
}

static void segment(void)
{
	int size = (int)len;
	if (setsockopt(sock, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size))
		die("UDP_SEGMENT");
}

/* Bytes of one train, and how far apart trains lie: each starts on a page. */
static size_t train_bytes(void)
{
	size_t segments = TRAIN_BYTES_MAX / len;
	return (segments > SEGMENTS_MAX ? SEGMENTS_MAX : segments) * len;
}

static size_t train_stride(void)
{
	return (train_bytes() + PAGE - 1) / PAGE * PAGE;
}

static void splice_trains(size_t trains, size_t bytes)
{
	for (size_t i = 0; i < trains; i++, sent += (long)(bytes / len))
		must(splice(pipe_out, NULL, sock, NULL, bytes, 0), bytes, "splice");
}

static void way_send(void)
{
	for (; sent < want; sent++)
		must(send(sock, arena, len, 0), len, "send");
}

static void way_sendmmsg(void)
{
	struct mmsghdr messages[BATCH] = {0};
	struct iovec pieces[BATCH];
	size_t at = 0;

	while (sent < want) {
		for (int i = 0; i < BATCH; i++, at += len) {
			if (at + len > ARENA)
				at = 0;
			pieces[i] = (struct iovec){arena + at, len};
			messages[i].msg_hdr.msg_iov = &pieces[i];
			messages[i].msg_hdr.msg_iovlen = 1;
		}
		int taken = sendmmsg(sock, messages, BATCH, 0);
		if (taken <= 0)
			die("sendmmsg");
		calls++;
		sent += taken;
	}
}

/* One packet a page; head and tail of the page go to /dev/null: four calls a packet. */
static void way_textbook(void)
{
	size_t tail = PAGE - TEXTBOOK_OFFSET - len;

	for (size_t page = 0; sent < want; sent++, page = (page + PAGE) % ARENA) {
		struct iovec piece = {arena + page, PAGE};
		must(vmsplice(pipe_in, &piece, 1, SPLICE_F_GIFT), PAGE, "vmsplice");
		must(splice(pipe_out, NULL, trash, NULL, TEXTBOOK_OFFSET, SPLICE_F_MOVE),
		     TEXTBOOK_OFFSET, "splice of the head");
		must(splice(pipe_out, NULL, sock, NULL, len, SPLICE_F_MOVE), len, "splice");
		must(splice(pipe_out, NULL, trash, NULL, tail, SPLICE_F_MOVE), tail,
		     "splice of the tail");
	}
}

/* Datagrams back to back in the pages, one splice each. */
static void way_packed(void)
{
	enum { CHUNK = 240 * PAGE };
	size_t chunk = CHUNK / len * len, at = 0;

	while (sent < want) {
		struct iovec piece = {arena + at, chunk};
		must(vmsplice(pipe_in, &piece, 1, 0), chunk, "vmsplice");
		for (size_t left = chunk; left; left -= len, sent++)
			must(splice(pipe_out, NULL, sock, NULL, len, 0), len, "splice");
		at = at + 2 * CHUNK > ARENA ? 0 : at + CHUNK;
	}
}

static void way_gso_copy(void)
{
	size_t bytes = train_bytes();

	segment();
	for (; sent < want; sent += (long)(bytes / len))
		must(send(sock, arena, bytes, 0), bytes, "send");
}

/* The same from 64 MiB of payload: what the copy costs when the cache cannot help. */
static void way_gso_copy_cold(void)
{
	size_t bytes = train_bytes(), at = 0;

	segment();
	for (; sent < want; sent += (long)(bytes / len)) {
		must(send(sock, arena + at, bytes, 0), bytes, "send");
		at = at + 2 * bytes > ARENA ? 0 : at + bytes;
	}
}

static void read_completions(void)
{
	char control[256];
	struct msghdr message = {.msg_control = control, .msg_controllen = sizeof control};

	recvmsg(sock, &message, MSG_ERRQUEUE | MSG_DONTWAIT);
	calls++;
}

static void way_gso_zerocopy(void)
{
	size_t bytes = train_bytes(), at = 0;
	int on = 1;

	segment();
	if (setsockopt(sock, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof on))
		die("SO_ZEROCOPY");
	while (sent < want) {
		ssize_t taken = send(sock, arena + at, bytes, MSG_ZEROCOPY);
		calls++;
		if (taken == (ssize_t)bytes)
			sent += (long)(bytes / len);
		else if (errno != ENOBUFS)
			die("send");
		if (taken < 0 || calls % 16 == 0)
			read_completions();
		at = at + 2 * bytes > ARENA ? 0 : at + bytes;
	}
}

/* vmsplice a few trains, splice them one by one. */
static void way_gso_splice(void)
{
	size_t bytes = train_bytes(), stride = train_stride(), at = 0;

	segment();
	while (sent < want) {
		struct iovec pieces[TRAINS_A_VMSPLICE];
		for (int i = 0; i < TRAINS_A_VMSPLICE; i++, at += stride) {
			if (at + stride > ARENA)
				at = 0;
			pieces[i] = (struct iovec){arena + at, bytes};
		}
		must(vmsplice(pipe_in, pieces, TRAINS_A_VMSPLICE, 0), TRAINS_A_VMSPLICE * bytes,
		     "vmsplice");
		splice_trains(TRAINS_A_VMSPLICE, bytes);
	}
}

/* vmsplice once; tee many trains at a time, splice them one by one. */
static void way_gso_tee(void)
{
	size_t bytes = train_bytes(), stride = train_stride(), trains = (256 * PAGE) / stride;
	int master[2];

	segment();
	if (pipe(master) || fcntl(master[1], F_SETPIPE_SZ, 1 << 20) < 0)
		die("pipe");
	for (size_t i = 0; i < trains; i++) {
		struct iovec piece = {arena + i * stride, bytes};
		must(vmsplice(master[1], &piece, 1, 0), bytes, "vmsplice");
	}
	while (sent < want) {
		must(tee(master[0], pipe_in, trains * bytes, 0), trains * bytes, "tee");
		splice_trains(trains, bytes);
	}
}

/* Every datagram written anew into a fresh huge page; a page is replaced, never rewritten. */
static void way_gso_fresh(void)
{
	size_t bytes = train_bytes(), stride = train_stride(), at = 0;
	char *fresh = map(FRESH);

	segment();
	while (sent < want) {
		struct iovec pieces[TRAINS_A_VMSPLICE];
		int trains = 0;
		for (; trains < TRAINS_A_VMSPLICE && at + stride <= FRESH; trains++, at += stride) {
			memset(fresh + at, 0x11, bytes);
			pieces[trains] = (struct iovec){fresh + at, bytes};
		}
		must(vmsplice(pipe_in, pieces, (size_t)trains, 0), (size_t)trains * bytes,
		     "vmsplice");
		splice_trains((size_t)trains, bytes);
		if (at + stride > FRESH) {
			munmap(fresh, FRESH);
			fresh = map(FRESH);
			at = 0;
		}
	}
}

static const struct way {
	const char *name;
	void (*run)(void);
} ways[] = {
	{"send", way_send},
	{"sendmmsg", way_sendmmsg},
	{"textbook", way_textbook},
	{"packed", way_packed},
	{"gso-copy", way_gso_copy},
	{"gso-copy-cold", way_gso_copy_cold},
	{"gso-zerocopy", way_gso_zerocopy},
	{"gso-splice", way_gso_splice},
	{"gso-tee", way_gso_tee},
	{"gso-fresh", way_gso_fresh},
};

static int usage(void)
{
	fprintf(stderr, "usage: ways WAY LEN COUNT IPv4 [START]\nways:");
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
		fprintf(stderr, " %s", ways[i].name);
	fputc('\n', stderr);
	return 2;
}

static void set_up(const char *address)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	int room = 4 << 20, ends[2];

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
		die("address");
	sock = socket(AF_INET, SOCK_DGRAM, 0);
	if (sock < 0 || connect(sock, (struct sockaddr *)&to, sizeof to))
		die("socket");
	/* best effort: without the privilege the default buffer serves, more slowly */
	setsockopt(sock, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
	if (pipe(ends) || fcntl(ends[1], F_SETPIPE_SZ, 1 << 20) < 0)
		die("pipe");
	pipe_out = ends[0];
	pipe_in = ends[1];
	trash = open("/dev/null", O_WRONLY);
	arena = map(ARENA);
	memset(arena, 0x5a, ARENA);
}

static void wait_until(double start)
{
	time_t whole = (time_t)start;
	struct timespec at = {whole, (long)((start - (double)whole) * 1e9)};
	clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &at, NULL);
}

static void measure(const struct way *way)
{
	double begin = seconds(CLOCK_REALTIME);
	double time = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
	way->run();
	time = seconds(CLOCK_MONOTONIC) - time;
	cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;

	double packets = (double)sent;
	printf("{\"way\":\"%s\",\"len\":%zu,\"packets\":%ld,\"begin\":%.6f,\"seconds\":%.6f,"
	       "\"mpps\":%.4f,\"gbps\":%.3f,\"cpu_ns_per_packet\":%.1f,"
	       "\"syscalls_per_packet\":%.4f}\n",
	       way->name, len, sent, begin, time, packets / time / 1e6,
	       packets * 8.0 * (double)len / time / 1e9, cpu / packets * 1e9,
	       (double)calls / packets);
}

int main(int argc, char **argv)
{
	if (argc < 5 || argc > 6)
		return usage();
	len = strtoul(argv[2], NULL, 10);
	want = strtol(argv[3], NULL, 10);
	double start = argc == 6 ? strtod(argv[5], NULL) : 0;
	size_t len_max = strcmp(argv[1], "textbook") == 0 ? PAGE - TEXTBOOK_OFFSET : LEN_MAX;
	if (len < 1 || len > len_max || want < 1) {
		fprintf(stderr, "ways: LEN %s is not 1 to %zu, or COUNT %s is below 1\n", argv[2],
			len_max, argv[3]);
		return 2;
	}
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		if (strcmp(ways[i].name, argv[1]) != 0)
			continue;
		set_up(argv[4]);
		wait_until(start);
		measure(&ways[i]);
		return 0;
	}
	return usage();
}
