/* engine_probe_uring: does io_uring send without a copy here? Thread: the prober's. */
#pragma once
#include "engine/engine_probe.h"

/**
 * engine_probe_uring() - try one datagram over a connected pair on loopback
 * @page: [PAGES_PAGE_BYTES], mapped
 * @ret:  its uring_* fields are filled in
 */
void engine_probe_uring(uint8_t *page, int sender, int receiver, struct engine_probed *ret);
