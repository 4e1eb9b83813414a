/* store_wal: see store_wal.h. The formats are those of SQLite's "WAL-mode File Format". */
#include "store/store_wal.h"

#include "base/util.h"

#include <endian.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	HEADER_BYTES = 32,
	FRAME_HEADER_BYTES = 24,
	SUMMED_OF_FRAME = 8,
	SALTS_AT_HEADER = 16,
	SUM_AT_HEADER = 24,
	SALTS_AT_FRAME = 8,
	SUM_AT_FRAME = 16,
	SALTS_BYTES = 8,
	PAGE_BYTES_MIN = 512,
	PAGE_BYTES_MAX = 65536,
	INDEX_HEADER_BYTES = 48, /* the first of two equal ones */
	INDEX_FRAMES_AT = 16,
	INDEX_SALTS_AT = 32,
};
static const uint32_t MAGIC = 0x377f0682; /* the last bit: sums over big-endian words */

struct log {
	const uint8_t *bytes;
	size_t len;
	bool big_endian;
	uint32_t page_bytes;
	uint32_t sum[2]; /* of all up to here */
};

static uint32_t u32(const uint8_t *bytes)
{
	uint32_t value;
	memcpy(&value, bytes, sizeof value);
	return be32toh(value);
}

static void add_sum(const struct log *log, const uint8_t *bytes, size_t len, uint32_t sum[2])
{
	for (size_t i = 0; i + 8 <= len; i += 8) {
		uint32_t words[2];
		memcpy(words, bytes + i, sizeof words);
		for (size_t k = 0; k < 2; k++) {
			uint32_t word = log->big_endian ? be32toh(words[k]) : le32toh(words[k]);
			sum[k] += word + sum[1 - k];
		}
	}
}

/* Return: is the header whole? Its page size is taken in any case */
static bool read_header(struct log *log)
{
	const uint8_t *header = log->bytes;
	log->big_endian = u32(header) & 1;
	log->page_bytes = u32(header + 8);
	add_sum(log, header, SUM_AT_HEADER, log->sum);
	return (u32(header) & ~UINT32_C(1)) == MAGIC &&
	       log->sum[0] == u32(header + SUM_AT_HEADER) &&
	       log->sum[1] == u32(header + SUM_AT_HEADER + 4);
}

static size_t frame_count(const struct log *log)
{
	return (log->len - HEADER_BYTES) / (FRAME_HEADER_BYTES + (size_t)log->page_bytes);
}

static const uint8_t *frame_at(const struct log *log, size_t index)
{
	return log->bytes + HEADER_BYTES + index * (FRAME_HEADER_BYTES + (size_t)log->page_bytes);
}

static bool has_salts(const uint8_t *frame, const uint8_t *salts)
{
	return memcmp(frame + SALTS_AT_FRAME, salts, SALTS_BYTES) == 0;
}

static bool is_commit(const uint8_t *frame)
{
	return u32(frame + 4) != 0;
}

/* Return: how many frames from the start fit, to the end of a transaction */
static size_t count_good(struct log *log)
{
	size_t count = frame_count(log), good = 0;
	for (size_t i = 0; i < count; i++) {
		const uint8_t *frame = frame_at(log, i);
		add_sum(log, frame, SUMMED_OF_FRAME, log->sum);
		add_sum(log, frame + FRAME_HEADER_BYTES, log->page_bytes, log->sum);
		if (!has_salts(frame, log->bytes + SALTS_AT_HEADER) ||
		    log->sum[0] != u32(frame + SUM_AT_FRAME) ||
		    log->sum[1] != u32(frame + SUM_AT_FRAME + 4))
			break;
		if (is_commit(frame))
			good = i + 1;
	}
	return good;
}

/* Transactions behind the good frames: the first may have been cut by a crash, a second proves that
 * it was not. The first bad frame counts whatever its salts are, if others of this log follow it.
 */
static bool more_follow(const struct log *log, size_t good, const uint8_t *salts)
{
	size_t commits = 0;
	for (size_t i = good; i < frame_count(log); i++) {
		const uint8_t *frame = frame_at(log, i);
		commits += is_commit(frame) && (has_salts(frame, salts) || i == good);
		if (commits > 1 && has_salts(frame, salts))
			return true;
	}
	return false;
}

/* The index says how many frames were synced, if it is of this log. Return: 0: it does not say */
static size_t frames_by_index(const char *directory, const uint8_t *salts)
{
	_cleanup_free_ char *path = NULL;
	uint8_t index[2 * INDEX_HEADER_BYTES];
	if (asprintf(&path, "%s/jobs.db-shm", directory) < 0) {
		path = NULL;
		return 0;
	}
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, index, sizeof index);
	if (fd >= 0)
		close(fd);
	uint32_t frames;
	if (len != sizeof index ||
	    memcmp(index, index + INDEX_HEADER_BYTES, INDEX_HEADER_BYTES) != 0 ||
	    memcmp(index + INDEX_SALTS_AT, salts, SALTS_BYTES) != 0)
		return 0;
	memcpy(&frames, index + INDEX_FRAMES_AT, sizeof frames); /* in this machine's order */
	return frames;
}

static bool is_damaged(struct log *log, const char *directory)
{
	bool whole = read_header(log);
	if (log->page_bytes < PAGE_BYTES_MIN || log->page_bytes > PAGE_BYTES_MAX ||
	    log->page_bytes & (log->page_bytes - 1))
		return !whole && log->len > HEADER_BYTES; /* nothing that SQLite wrote */
	if (!frame_count(log))
		return false;
	if (!whole) /* of a log that was never begun there are no frames */
		return more_follow(log, 0, frame_at(log, 0) + SALTS_AT_FRAME);
	const uint8_t *salts = log->bytes + SALTS_AT_HEADER;
	size_t good = count_good(log);
	return frames_by_index(directory, salts) > good || more_follow(log, good, salts);
}

static int open_log(const char *directory, const char *suffix, int flags)
{
	_cleanup_free_ char *path = NULL;
	if (asprintf(&path, "%s/jobs.db-wal%s", directory, suffix) < 0) {
		path = NULL;
		return -1;
	}
	return open(path, flags | O_CLOEXEC, 0600);
}

bool store_wal_is_damaged(const char *directory)
{
	struct stat status;
	int fd = open_log(directory, "", O_RDONLY);
	if (fd < 0)
		return false;
	bool damaged = false;
	if (fstat(fd, &status) == 0 && status.st_size > HEADER_BYTES) {
		struct log log = {.len = (size_t)status.st_size};
		void *bytes = mmap(NULL, log.len, PROT_READ, MAP_PRIVATE, fd, 0);
		if (bytes != MAP_FAILED) {
			log.bytes = bytes;
			damaged = is_damaged(&log, directory);
			munmap(bytes, log.len);
		}
	}
	close(fd);
	return damaged;
}

bool store_wal_keep(const char *directory)
{
	struct stat status;
	int from = open_log(directory, "", O_RDONLY);
	int to = from < 0 ? -1 : open_log(directory, ".damaged", O_WRONLY | O_CREAT | O_TRUNC);
	bool kept = to >= 0 && fstat(from, &status) == 0;
	for (off_t left = kept ? status.st_size : 0; left > 0 && kept;) {
		ssize_t copied = sendfile(to, from, NULL, (size_t)left);
		kept = copied > 0;
		left -= copied > 0 ? copied : 0;
	}
	if (to >= 0)
		close(to);
	if (from >= 0)
		close(from);
	return kept;
}
