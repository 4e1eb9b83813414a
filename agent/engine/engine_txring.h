/* engine_txring: PACKET_TX_RING: Ethernet frames. */
#pragma once
#include "engine/engine_private.h"

extern const struct engine_ops engine_txring_ops;
