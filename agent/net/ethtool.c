/*
 * ethtool: SIOCETHTOOL, see ethtool.h. The kernel fills answers of variable length only up to the
 * length in the request; strings have ETH_GSTRING_LEN bytes and need not end in NUL.
 */
#include "net/ethtool.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/util.h"

enum {
	FEATURES_MAX = 1024, /* kernels have about 60 */
	LINK_MODE_WORDS_MAX = 127,
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

static bool feature_active(const struct ethtool_gfeatures *features, const char *names,
			   uint32_t count, const char *wanted)
{
	for (uint32_t i = 0; i < count; i++)
		if (!strncmp(names + (size_t)i * ETH_GSTRING_LEN, wanted, ETH_GSTRING_LEN))
			return features->features[i / 32].active >> (i % 32) & 1;
	return false;
}

static void fill_features(int fd, const char *name, struct ethtool *device)
{
	uint32_t count = feature_count(fd, name);
	uint32_t blocks = (count + 31) / 32;
	_cleanup_free_ struct ethtool_gstrings *names =
		calloc(1, sizeof *names + (size_t)count * ETH_GSTRING_LEN);
	_cleanup_free_ struct ethtool_gfeatures *features =
		calloc(1, sizeof *features + blocks * sizeof features->features[0]);
	if (!count || !names || !features)
		return;
	*names = (struct ethtool_gstrings){
		.cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_FEATURES, .len = count};
	*features = (struct ethtool_gfeatures){.cmd = ETHTOOL_GFEATURES, .size = blocks};
	if (!ask(fd, name, names) || !ask(fd, name, features))
		return;
	const char *text = (const char *)names->data;
	uint32_t known = MIN(names->len, count);
	known = MIN(known, features->size * 32);
	known = MIN(known, blocks * 32);
	device->scatter_gather = feature_active(features, text, known, "tx-scatter-gather");
	device->udp_segmentation = feature_active(features, text, known, "tx-udp-segmentation");
	bool any = feature_active(features, text, known, "tx-checksum-ip-generic");
	device->checksum4 = any || feature_active(features, text, known, "tx-checksum-ipv4");
	device->checksum6 = any || feature_active(features, text, known, "tx-checksum-ipv6");
}

void ethtool_read(int fd, const char *name, struct ethtool *ret_device)
{
	struct ethtool device = {0};
	fill_driver(fd, name, &device);
	fill_speed(fd, name, &device);
	fill_features(fd, name, &device);
	*ret_device = device;
}
