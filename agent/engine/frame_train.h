/*
 * frame_train: which equal-length frames the kernel can cut out of one long frame, and that frame.
 *
 * Segmentation (UDP_L4) writes the lengths and checksums of each segment and counts the IPv4 id up
 * from the first. So a run of frames may leave as one only if nothing would change by it: untagged,
 * IPv4 without options or IPv6 without extension headers, UDP, not a fragment, lengths and
 * checksums as they must be, and all headers equal but for checksums and the IPv4 id. The id may be
 * any where DF is set, for then it means nothing (RFC 6864); else it must count up already. Pure.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
	FRAME_TRAIN_VNET_BYTES = 10, /* struct virtio_net_hdr ahead of each frame */
	/* with what the kernel puts around it, in a block of 16 KiB: a longer one takes memory that
	 * a busy machine may not have in one piece */
	FRAME_TRAIN_LONE_MAX = 15872,
};

/**
 * frame_train_run() - how many of the frames make one train
 * @frames: @count frames of @len bytes, back to back
 *
 * Return: 1 .. @count; 1 also where the first may not be cut out of a longer frame
 */
uint32_t frame_train_run(const uint8_t *frames, uint32_t len, uint32_t count);

/** frame_train_follows() - true: @next, right behind @first, may leave in one train with it; both
 * [@len] */
bool frame_train_follows(const uint8_t *first, const uint8_t *next, uint32_t len);

/** frame_train_bytes() - bytes that frame_train_write() writes for @count frames, UDP over IPv6 or
 * IPv4
 */
uint32_t frame_train_bytes(const uint8_t *frames, uint32_t len, uint32_t count);

/**
 * frame_train_write() - a virtio_net_hdr and the frame that stands for @count frames
 * @to:    [frame_train_bytes()]
 * @count: 1, or a run that frame_train_run() found
 */
void frame_train_write(uint8_t *to, const uint8_t *frames, uint32_t len, uint32_t count);

/**
 * frame_train_write_lone() - a virtio_net_hdr and one frame; its hdr_len makes the kernel copy the
 * frame as it copies headers, instead of referring to its pages
 * @to:  [FRAME_TRAIN_VNET_BYTES + @len]
 * @len: up to FRAME_TRAIN_LONE_MAX
 */
void frame_train_write_lone(uint8_t *to, const uint8_t *frame, uint32_t len);
