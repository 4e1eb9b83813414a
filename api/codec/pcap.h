/*
 * pcap: a preview as a capture file (the classic format, nanoseconds), for tshark and its kin.
 *
 * A file has one link type. If every packet is an IP packet it is raw IP; as soon as one is a frame
 * it is Ethernet, and IP packets get an Ethernet header of zero addresses, which no reader can
 * mistake for what is on the wire. Thread: any; no state.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "pagecast/v1/transmit_service.pb-c.h"

/** pcap_write() - Return: the file, owned, *ret_len bytes; NULL: out of memory */
uint8_t *pcap_write(const Pagecast__V1__PreviewJobResponse *preview, size_t *ret_len);
