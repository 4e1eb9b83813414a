/*
 * disk: SQLite's default VFS wrapped, for programs that want to see a disk lose power or fail.
 *
 * Of the database and its WAL in the watched directory it keeps what was synced apart from what was
 * only written. disk_photograph() is called before each change of the two: what a crash now would
 * leave can be written to another directory, with all, none or some of the unsynced writes. Other
 * files and reads go straight through. Every connection checkpoints after a few pages, so that
 * checkpoints are met too.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/** disk_watch() - from now on, @directory's jobs.db and jobs.db-wal; forgets what it knew before */
void disk_watch(const char *directory);
/** disk_unwatch() - files are the kernel's business again */
void disk_unwatch(void);

/** disk_on_change() - @see is called before each change of a watched file, on its writer's thread
 */
void disk_on_change(void (*see)(void));

/* Which of the unsynced writes a crash leaves: a disk may keep any of them. */
enum disk_loss {
	DISK_LOSES_ALL,
	DISK_LOSES_NONE,
	DISK_LOSES_EVEN,
	DISK_LOSES_FIRST,
	DISK_TEARS_LAST,
	DISK_LOSSES
};
/** disk_photograph() - what a crash now would leave, as files in @directory. Only from within @see
 */
void disk_photograph(enum disk_loss loss, const char *directory);

/* Calls that can fail; the SQLite code they fail with. */
enum disk_call { DISK_WRITE, DISK_SYNC, DISK_READ, DISK_ANY };
/** disk_fail_at() - the call that comes after @passes more of its kind fails, and with @for_ever
 * all after it; disk_heal() ends that */
void disk_fail_at(enum disk_call call, int code, size_t passes, bool for_ever);
void disk_heal(void);
/** disk_set_room() - how much the watched directory's files may hold in all, the ones that SQLite
 * does not know included; a write that needs more meets a full disk. 0: as much as there is */
void disk_set_room(size_t bytes);
/** disk_used() - what they hold now */
size_t disk_used(void);
/** disk_failed() - has one failed since disk_fail_at()? */
bool disk_failed(void);
