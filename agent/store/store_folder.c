/* store_folder: see store_folder.h. */
#include "store/store_folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int store_folder_note(struct store_folder *folder, const char *directory)
{
	static const char *const NAMES[STORE_FOLDER_FILES] = {"jobs.db", "jobs.db-wal", "lock"};
	for (size_t i = 0; i < STORE_FOLDER_FILES; i++) {
		struct store_folder_file *file = &folder->files[i];
		struct stat status;
		if (asprintf(&file->path, "%s/%s", directory, NAMES[i]) < 0) {
			file->path = NULL;
			return -ENOMEM;
		}
		if (stat(file->path, &status) < 0)
			return -errno;
		file->device = status.st_dev;
		file->inode = status.st_ino;
	}
	return 0;
}

bool store_folder_check(const struct store_folder *folder)
{
	for (size_t i = 0; i < STORE_FOLDER_FILES; i++) {
		const struct store_folder_file *file = &folder->files[i];
		struct stat status;
		if (file->path && (stat(file->path, &status) < 0 || status.st_dev != file->device ||
				   status.st_ino != file->inode))
			return false;
	}
	return true;
}

void store_folder_deinit(struct store_folder *folder)
{
	for (size_t i = 0; i < STORE_FOLDER_FILES; i++)
		free(folder->files[i].path);
	*folder = (struct store_folder){0};
}
