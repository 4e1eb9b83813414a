/* disk: see disk.h. The mutex guards everything; SQLite's own calls are made without it. */
#include "lib/disk.h"

#include "lib/test.h"

#include <dirent.h>
#include <pthread.h>
#include <sqlite3.h>
#include <sys/stat.h>

enum { CHECKPOINT_PAGES = 20 };

struct change { /* written, not synced; len 0 with @data NULL: cut to @offset */
	size_t offset, len;
	uint8_t *data;
	struct change *next;
};

struct wire_image { /* of one watched file */
	const char *name;
	uint8_t *synced;
	size_t synced_len;
	struct change *first, **end;
	size_t changes;
};

struct disk_file {
	sqlite3_file base;
	struct wire_image *image; /* NULL: not watched */
	sqlite3_file *real;
};

static sqlite3_vfs vfs;
static sqlite3_vfs *default_vfs;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char watched[128];
static struct wire_image images[] = {{.name = "jobs.db"}, {.name = "jobs.db-wal"}};
static void (*on_change)(void);

static struct {
	enum disk_call call;
	int code; /* SQLITE_OK: none is to fail */
	size_t passes;
	bool for_ever, failed;
} plan;
static _Atomic size_t room; /* 0: as much as there is */

static struct disk_file *file_of(sqlite3_file *file)
{
	return (struct disk_file *)file;
}

/* ---- faults ---- */
static int fault(enum disk_call call)
{
	int code = SQLITE_OK;
	pthread_mutex_lock(&lock);
	if (plan.code && (plan.call == call || plan.call == DISK_ANY)) {
		if (plan.passes) {
			plan.passes--;
		} else {
			code = plan.code;
			plan.failed = true;
			if (!plan.for_ever)
				plan.code = SQLITE_OK;
		}
	}
	pthread_mutex_unlock(&lock);
	return code;
}

void disk_fail_at(enum disk_call call, int code, size_t passes, bool for_ever)
{
	pthread_mutex_lock(&lock);
	plan.call = call;
	plan.code = code;
	plan.passes = passes;
	plan.for_ever = for_ever;
	plan.failed = false;
	pthread_mutex_unlock(&lock);
}

void disk_heal(void)
{
	pthread_mutex_lock(&lock);
	plan.code = SQLITE_OK;
	pthread_mutex_unlock(&lock);
}

bool disk_failed(void)
{
	pthread_mutex_lock(&lock);
	bool failed = plan.failed;
	pthread_mutex_unlock(&lock);
	return failed;
}

void disk_set_room(size_t bytes)
{
	room = bytes;
}

size_t disk_used(void)
{
	size_t used = 0;
	DIR *folder = opendir(watched);
	for (struct dirent *entry; folder && (entry = readdir(folder));) {
		char path[512];
		struct stat status;
		snprintf(path, sizeof path, "%s/%s", watched, entry->d_name);
		if (stat(path, &status) == 0 && S_ISREG(status.st_mode))
			used += (size_t)status.st_size;
	}
	if (folder)
		closedir(folder);
	return used;
}

/* Would @len bytes at @offset make @file larger than the disk has room for? */
static bool is_full(sqlite3_file *real, int len, sqlite3_int64 offset)
{
	sqlite3_int64 size = 0;
	if (!room)
		return false;
	real->pMethods->xFileSize(real, &size);
	return offset + len > size && disk_used() + (size_t)(offset + len - size) > room;
}

/* ---- images ---- */
static void apply(uint8_t **bytes, size_t *len, const struct change *change, size_t change_len)
{
	size_t end = change->offset + change_len;
	if (!change->data) {
		*len = change->offset < *len ? change->offset : *len;
		return;
	}
	if (end > *len) {
		*bytes = realloc(*bytes, end);
		CHECK(*bytes);
		memset(*bytes + *len, 0, end - *len);
		*len = end;
	}
	memcpy(*bytes + change->offset, change->data, change_len);
}

static void forget_changes(struct wire_image *image)
{
	while (image->first) {
		struct change *change = image->first;
		image->first = change->next;
		free(change->data);
		free(change);
	}
	image->end = &image->first;
	image->changes = 0;
}

static void note(struct wire_image *image, const void *data, size_t len, size_t offset)
{
	struct change *change = calloc(1, sizeof *change);
	CHECK(change);
	change->offset = offset;
	change->len = len;
	if (data) {
		change->data = malloc(len);
		CHECK(change->data);
		memcpy(change->data, data, len);
	}
	*image->end = change;
	image->end = &change->next;
	image->changes++;
}

static bool survives(enum disk_loss loss, size_t index)
{
	switch (loss) {
	case DISK_LOSES_ALL: return false;
	case DISK_LOSES_NONE:
	case DISK_TEARS_LAST: return true;
	case DISK_LOSES_EVEN: return index % 2;
	case DISK_LOSES_FIRST: return index > 0;
	case DISK_LOSSES: break;
	}
	return false;
}

static void photograph(const struct wire_image *image, enum disk_loss loss, const char *directory)
{
	size_t len = image->synced_len, index = 0;
	uint8_t *bytes = malloc(len + 1);
	char path[256];
	CHECK(bytes);
	if (len)
		memcpy(bytes, image->synced, len);
	for (const struct change *change = image->first; change; change = change->next, index++) {
		bool torn = loss == DISK_TEARS_LAST && !change->next;
		if (survives(loss, index))
			apply(&bytes, &len, change, torn ? change->len / 2 : change->len);
	}
	snprintf(path, sizeof path, "%s/%s", directory, image->name);
	FILE *file = fopen(path, "w");
	CHECK(file);
	CHECK_INT(fwrite(bytes, 1, len, file), ==, len);
	CHECK_INT(fclose(file), ==, 0);
	free(bytes);
}

void disk_photograph(enum disk_loss loss, const char *directory)
{
	for (size_t i = 0; i < sizeof images / sizeof *images; i++)
		photograph(&images[i], loss, directory);
}

/* ---- the files ---- */
static int close_file(sqlite3_file *file)
{
	return file_of(file)->real->pMethods->xClose(file_of(file)->real);
}

static int read_file(sqlite3_file *file, void *data, int len, sqlite3_int64 offset)
{
	int code = fault(DISK_READ);
	return code ? SQLITE_IOERR_READ
		    : file_of(file)->real->pMethods->xRead(file_of(file)->real, data, len, offset);
}

static void before_change(const struct disk_file *file)
{
	if (file->image && on_change)
		on_change();
}

static int write_file(sqlite3_file *file, const void *data, int len, sqlite3_int64 offset)
{
	struct disk_file *f = file_of(file);
	int code = fault(DISK_WRITE);
	if (!code && f->image && is_full(f->real, len, offset))
		code = SQLITE_FULL;
	if (code)
		return code;
	before_change(f);
	if (f->image)
		note(f->image, data, (size_t)len, (size_t)offset);
	return f->real->pMethods->xWrite(f->real, data, len, offset);
}

static int truncate_file(sqlite3_file *file, sqlite3_int64 size)
{
	struct disk_file *f = file_of(file);
	int code = fault(DISK_WRITE);
	if (code)
		return code;
	before_change(f);
	if (f->image)
		note(f->image, NULL, 0, (size_t)size);
	return f->real->pMethods->xTruncate(f->real, size);
}

static int sync_file(sqlite3_file *file, int flags)
{
	struct disk_file *f = file_of(file);
	int code = fault(DISK_SYNC);
	if (code)
		return SQLITE_IOERR_FSYNC;
	before_change(f);
	if (f->image) {
		for (const struct change *c = f->image->first; c; c = c->next)
			apply(&f->image->synced, &f->image->synced_len, c, c->len);
		forget_changes(f->image);
	}
	(void)flags;
	return SQLITE_OK; /* the machine stays up: syncing for real would only cost time */
}

#define PASS(name, arguments, ...)                                                                 \
	static int name arguments                                                                  \
	{                                                                                          \
		sqlite3_file *real = file_of(file)->real;                                          \
		return real->pMethods->__VA_ARGS__;                                                \
	}
PASS(file_size, (sqlite3_file * file, sqlite3_int64 *size), xFileSize(real, size))
PASS(lock_file, (sqlite3_file * file, int level), xLock(real, level))
PASS(unlock_file, (sqlite3_file * file, int level), xUnlock(real, level))
PASS(check_lock, (sqlite3_file * file, int *out), xCheckReservedLock(real, out))
PASS(file_control, (sqlite3_file * file, int op, void *arg), xFileControl(real, op, arg))
PASS(sector_size, (sqlite3_file * file), xSectorSize(real))
PASS(characteristics, (sqlite3_file * file), xDeviceCharacteristics(real))
PASS(shm_map, (sqlite3_file * file, int page, int size, int extend, void volatile **out),
     xShmMap(real, page, size, extend, out))
PASS(shm_lock, (sqlite3_file * file, int offset, int n, int flags),
     xShmLock(real, offset, n, flags))
PASS(shm_unmap, (sqlite3_file * file, int remove), xShmUnmap(real, remove))

static void shm_barrier(sqlite3_file *file)
{
	file_of(file)->real->pMethods->xShmBarrier(file_of(file)->real);
}

static const sqlite3_io_methods METHODS = {
	.iVersion = 2, /* without memory maps: every change is seen */
	.xClose = close_file,
	.xRead = read_file,
	.xWrite = write_file,
	.xTruncate = truncate_file,
	.xSync = sync_file,
	.xFileSize = file_size,
	.xLock = lock_file,
	.xUnlock = unlock_file,
	.xCheckReservedLock = check_lock,
	.xFileControl = file_control,
	.xSectorSize = sector_size,
	.xDeviceCharacteristics = characteristics,
	.xShmMap = shm_map,
	.xShmLock = shm_lock,
	.xShmBarrier = shm_barrier,
	.xShmUnmap = shm_unmap,
};

static struct wire_image *image_of(const char *path)
{
	size_t len = strlen(watched);
	if (!len || !path || strncmp(path, watched, len) != 0 || path[len] != '/')
		return NULL;
	for (size_t i = 0; i < sizeof images / sizeof *images; i++)
		if (strcmp(path + len + 1, images[i].name) == 0)
			return &images[i];
	return NULL;
}

static int open_file(sqlite3_vfs *self, const char *path, sqlite3_file *file, int flags, int *out)
{
	struct disk_file *f = file_of(file);
	(void)self;
	f->base.pMethods = NULL;
	f->real = (sqlite3_file *)(f + 1);
	int r = default_vfs->xOpen(default_vfs, path, f->real, flags, out);
	if (r != SQLITE_OK)
		return r;
	f->image = image_of(path);
	f->base.pMethods = &METHODS;
	return SQLITE_OK;
}

static int checkpoint_often(sqlite3 *connection, char **error, const void *api)
{
	(void)error;
	(void)api;
	return sqlite3_wal_autocheckpoint(connection, CHECKPOINT_PAGES);
}

static void install(void)
{
	if (default_vfs)
		return;
	default_vfs = sqlite3_vfs_find(NULL);
	CHECK(default_vfs);
	vfs = *default_vfs;
	vfs.zName = "disk";
	vfs.szOsFile = (int)sizeof(struct disk_file) + default_vfs->szOsFile;
	vfs.xOpen = open_file;
	CHECK_INT(sqlite3_vfs_register(&vfs, 1), ==, SQLITE_OK);
	CHECK_INT(sqlite3_auto_extension((void (*)(void))checkpoint_often), ==, SQLITE_OK);
}

void disk_watch(const char *directory)
{
	install();
	snprintf(watched, sizeof watched, "%s", directory);
	for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
		free(images[i].synced);
		images[i].synced = NULL;
		images[i].synced_len = 0;
		forget_changes(&images[i]);
	}
}

void disk_unwatch(void)
{
	on_change = NULL;
	watched[0] = '\0';
}

void disk_on_change(void (*see)(void))
{
	on_change = see;
}
