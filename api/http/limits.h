/*
 * limits: every bound of the HTTP side in one place, each with its reason. Reaching one is an
 * answer with a code, or a closed connection, never growth.
 */
#pragma once

enum {
	/* Request head. Browsers and clients send under 2 KiB in some 15 fields. */
	LIMIT_HEAD_BYTES = 16 * 1024,
	LIMIT_TARGET_BYTES = 8 * 1024,
	LIMIT_QUERY_PARAMS = 64,
	/* What the library may use for one connection: a whole head, parsed, and the answer's head.
	 */
	LIMIT_CONNECTION_MEMORY_BYTES = 24 * 1024,

	/* Bodies. A spec of 1,024 streams with payloads fits 4 MiB; the rest are a few fields. */
	LIMIT_BODY_SPEC_BYTES = 4 * 1024 * 1024,
	LIMIT_BODY_SMALL_BYTES = 64 * 1024,
	/* All bodies that are being received or worked on at one time. */
	LIMIT_BODIES_BYTES = 64 * 1024 * 1024,
	/* What is read and thrown away of a refused body, so that the client gets to see the
	   answer. */
	LIMIT_DRAIN_BYTES = 64 * 1024,
	LIMIT_LINGER_BYTES = 8 * 1024 * 1024,
	LIMIT_LINGERING = 32,

	/* Connections of one listener; a peer can't take them all. Under the usual 1,024
	   descriptors. */
	LIMIT_CONNECTIONS = 384,
	LIMIT_CONNECTIONS_PEER = 256,

	/* Time, in ms. A head comes in one or two packets; a spec of 4 MiB in 15 s is 280 KiB/s. */
	LIMIT_HEAD_MS = 5 * 1000,
	LIMIT_REQUEST_MS = 15 * 1000,
	LIMIT_IDLE_MS = 30 * 1000,  /* kept alive without a request */
	LIMIT_REPLY_MS = 15 * 1000, /* and LIMIT_REPLY_BYTES_PER_MS on top */
	LIMIT_REPLY_BYTES_PER_MS = 64,
	LIMIT_LINGER_MS = 1000,
	LIMIT_REAP_MS = 250, /* how late a deadline may be noticed */

	/* Event streams: what one writes ahead of its client, and how long the client may leave it
	   unread. */
	LIMIT_EVENTS_BUFFER_BYTES = 256 * 1024,
	LIMIT_EVENTS_BLOCK_BYTES = 16 * 1024,
	LIMIT_EVENTS_STALL_MS = 30 * 1000,
	LIMIT_HEARTBEAT_MS = 10 * 1000,

	/* GET …?wait=: held connections in all, and the longest wait a request can ask for. */
	LIMIT_WAITERS = 320,
	LIMIT_WAIT_MS = 60 * 1000,
	/* Between two looks at the waiters, however many revisions pass. */
	LIMIT_WAIT_SCAN_MS = 5,

	/* Calls that block (the store, the end of sending): threads, and requests in line for them.
	 */
	LIMIT_POOL_THREADS = 8,
	LIMIT_POOL_QUEUED = 256,

	/* server_stop(): how long answers may take to leave. */
	LIMIT_STOP_MS = 1000,

	LIMIT_THREAD_STACK_BYTES = 256 * 1024,
};
