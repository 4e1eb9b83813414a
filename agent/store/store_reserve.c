/* store_reserve: see store_reserve.h. */
#include "store/store_reserve.h"

#include "base/util.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { PART_OF_DISK = 8, BLOCK_BYTES = 512 };

static int64_t bytes_wanted(int fd)
{
	struct statvfs disk;
	if (fstatvfs(fd, &disk) < 0)
		return STORE_RESERVE_BYTES;
	uint64_t part = (uint64_t)disk.f_blocks * disk.f_frsize / PART_OF_DISK;
	return part && part < STORE_RESERVE_BYTES ? (int64_t)part : STORE_RESERVE_BYTES;
}

void store_reserve_open(struct store_reserve *reserve, const char *directory)
{
	_cleanup_free_ char *path = NULL;
	*reserve = STORE_RESERVE_NULL;
	if (asprintf(&path, "%s/reserve", directory) < 0) {
		path = NULL;
		return;
	}
	reserve->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (reserve->fd < 0)
		return;
	reserve->bytes = bytes_wanted(reserve->fd);
	reserve->spent = true;
	store_reserve_refill(reserve);
}

bool store_reserve_spend(struct store_reserve *reserve)
{
	if (reserve->fd < 0 || reserve->spent || ftruncate(reserve->fd, 0) < 0)
		return false;
	reserve->spent = true;
	return true;
}

bool store_reserve_refill(struct store_reserve *reserve)
{
	struct stat status;
	if (reserve->fd < 0 || !reserve->spent)
		return true;
	bool whole = fstat(reserve->fd, &status) == 0 && status.st_size == reserve->bytes &&
		     (int64_t)status.st_blocks * BLOCK_BYTES >= reserve->bytes;
	reserve->spent = !whole && posix_fallocate(reserve->fd, 0, reserve->bytes) != 0;
	if (reserve->spent && ftruncate(reserve->fd, 0) < 0) /* what it got of them is not kept */
		return false;
	return !reserve->spent;
}

void store_reserve_close(struct store_reserve *reserve)
{
	util_close_fd(&reserve->fd);
}
