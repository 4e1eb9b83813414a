/* engine_probe_ring: do packet rings work here, and do they take trains? Thread: the prober's. */
#pragma once

/** engine_probe_ring() - open a packet ring on loopback, hand over a train for nobody. Return: 0
 * with *ret_train_error (0, or a positive errno); negative errno: no ring */
int engine_probe_ring(int *ret_train_error);
