/*
 * store_folder: is what the store has open still what a restart would find by its path?
 *
 * Files that were removed, renamed or covered by another file system take writes and lose them
 * with the process. Known by device and inode, which no other file gets while these are open.
 * Thread: store_folder_note() before the threads of the store, store_folder_check() any.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

enum { STORE_FOLDER_FILES = 3 };

struct store_folder_file {
	char *path; /* owned */
	dev_t device;
	ino_t inode;
};

struct store_folder {
	struct store_folder_file files[STORE_FOLDER_FILES]; /* jobs.db, its log, the lock */
};

/** store_folder_note() - remember @directory's files as they are now. Return: 0; -errno */
int store_folder_note(struct store_folder *folder, const char *directory);
/** store_folder_check() - are they there, and the same? True before store_folder_note() */
bool store_folder_check(const struct store_folder *folder);
void store_folder_deinit(struct store_folder *folder);
