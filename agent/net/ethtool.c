/*
 * ethtool: SIOCETHTOOL, see ethtool.h. The kernel fills answers of variable length only up to the
 * length in the request; strings have ETH_GSTRING_LEN bytes and need not end in NUL.
 */
#include "net/ethtool.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/util.h"

enum {
	FEATURES_MAX = 1024, /* kernels have about 60 */
	LINK_MODE_WORDS_MAX = 127,
};

enum feature {
	FEATURE_SCATTER_GATHER,
	FEATURE_UDP_SEGMENTATION,
	FEATURE_CHECKSUM, /* of any protocol */
	FEATURE_CHECKSUM4,
	FEATURE_CHECKSUM6,
	FEATURES
};
static const char *const FEATURE_NAMES[FEATURES] = {
	"tx-scatter-gather", "tx-udp-segmentation", "tx-checksum-ip-generic",
	"tx-checksum-ipv4",  "tx-checksum-ipv6",
};

struct positions {
	uint32_t count;		 /* features that the kernel has */
	uint32_t bits[FEATURES]; /* count: it has no such feature */
};

static bool ask(int fd, const char *name, void *command)
{
	struct ifreq request = {.ifr_data = command};
	memcpy(request.ifr_name, name, strnlen(name, sizeof request.ifr_name - 1));
	return ioctl(fd, SIOCETHTOOL, &request) == 0;
}

static void fill_driver(int fd, const char *name, struct ethtool *device)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	if (!ask(fd, name, &info))
		return;
	size_t len = strnlen(info.driver, MIN(sizeof info.driver, sizeof device->driver - 1));
	memcpy(device->driver, info.driver, len);
	device->driver[len] = 0;
}

static void fill_speed(int fd, const char *name, struct ethtool *device)
{
	union {
		struct ethtool_link_settings settings;
		uint8_t room[sizeof(struct ethtool_link_settings) +
			     3 * LINK_MODE_WORDS_MAX * sizeof(uint32_t)];
	} answer = {.settings.cmd = ETHTOOL_GLINKSETTINGS};
	/* The first call returns the length of the mode masks, negated; the second the speed. */
	if (!ask(fd, name, &answer) || answer.settings.link_mode_masks_nwords >= 0)
		return;
	int words = -answer.settings.link_mode_masks_nwords;
	answer.settings = (struct ethtool_link_settings){.cmd = ETHTOOL_GLINKSETTINGS,
							 .link_mode_masks_nwords = (int8_t)words};
	if (!ask(fd, name, &answer) || answer.settings.speed == (uint32_t)SPEED_UNKNOWN)
		return;
	device->speed_bps = (uint64_t)answer.settings.speed * 1000000;
}

static uint32_t feature_count(int fd, const char *name)
{
	union {
		struct ethtool_sset_info info;
		uint8_t room[sizeof(struct ethtool_sset_info) + sizeof(uint32_t)];
	} answer = {
		.info = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = UINT64_C(1) << ETH_SS_FEATURES}};
	if (!ask(fd, name, &answer) || !answer.info.sset_mask)
		return 0;
	uint32_t count;
	memcpy(&count, answer.room + sizeof answer.info, sizeof count);
	return MIN(count, (uint32_t)FEATURES_MAX);
}

/* Where the kernel keeps what, by the names that it gives: the same for each device. Return: false:
 * it does not say */
static bool read_positions(int fd, const char *name, struct positions *ret_positions)
{
	uint32_t count = feature_count(fd, name);
	_cleanup_free_ struct ethtool_gstrings *names =
		calloc(1, sizeof *names + (size_t)count * ETH_GSTRING_LEN);
	if (!count || !names)
		return false;
	*names = (struct ethtool_gstrings){
		.cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_FEATURES, .len = count};
	if (!ask(fd, name, names))
		return false;
	ret_positions->count = MIN(names->len, count);
	for (int f = 0; f < FEATURES; f++) {
		uint32_t i = 0;
		while (i < ret_positions->count &&
		       strncmp((const char *)names->data + (size_t)i * ETH_GSTRING_LEN,
			       FEATURE_NAMES[f], ETH_GSTRING_LEN) != 0)
			i++;
		ret_positions->bits[f] = i;
	}
	return true;
}

/* Asked once: the names are the kernel's, not the device's. */
static bool find_positions(int fd, const char *name, struct positions *ret_positions)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct positions known;
	pthread_mutex_lock(&lock);
	bool found = known.count || read_positions(fd, name, &known);
	*ret_positions = known;
	pthread_mutex_unlock(&lock);
	return found;
}

static bool active(const struct ethtool_gfeatures *features, const struct positions *positions,
		   enum feature feature)
{
	uint32_t bit = positions->bits[feature];
	return bit < positions->count && bit / 32 < features->size &&
	       features->features[bit / 32].active >> (bit % 32) & 1;
}

static void fill_features(int fd, const char *name, struct ethtool *device)
{
	struct positions positions;
	if (!find_positions(fd, name, &positions))
		return;
	uint32_t blocks = (positions.count + 31) / 32;
	_cleanup_free_ struct ethtool_gfeatures *features =
		calloc(1, sizeof *features + blocks * sizeof features->features[0]);
	if (!features)
		return;
	*features = (struct ethtool_gfeatures){.cmd = ETHTOOL_GFEATURES, .size = blocks};
	if (!ask(fd, name, features))
		return;
	features->size = MIN(features->size, blocks);
	device->scatter_gather = active(features, &positions, FEATURE_SCATTER_GATHER);
	device->udp_segmentation = active(features, &positions, FEATURE_UDP_SEGMENTATION);
	bool any = active(features, &positions, FEATURE_CHECKSUM);
	device->checksum4 = any || active(features, &positions, FEATURE_CHECKSUM4);
	device->checksum6 = any || active(features, &positions, FEATURE_CHECKSUM6);
}

void ethtool_read(int fd, const char *name, struct ethtool *ret_device)
{
	struct ethtool device = {0};
	fill_driver(fd, name, &device);
	fill_speed(fd, name, &device);
	fill_features(fd, name, &device);
	*ret_device = device;
}
