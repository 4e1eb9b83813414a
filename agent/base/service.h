/*
 * service: what a daemon needs from the system: its folders, limits, and the service manager.
 * Thread: the main thread, before there are others.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { SERVICE_PATH_MAX = 4096 };

/**
 * service_notify() - send a state ("READY=1", "STOPPING=1") to systemd, at $NOTIFY_SOCKET
 *
 * Return: 1: sent; 0: $NOTIFY_SOCKET is not set; negative errno.
 */
int service_notify(const char *state);

/**
 * service_watchdog_ns() - the interval in which systemd expects "WATCHDOG=1", or it restarts the
 * program ($WATCHDOG_USEC, $WATCHDOG_PID). Return: 0: no watchdog
 */
int64_t service_watchdog_ns(void);

/**
 * service_state_dir() - the folder for state: $STATE_DIRECTORY, $XDG_STATE_HOME/NAME,
 * $HOME/.local/state/NAME, /var/lib/NAME. Relative values are ignored, as XDG requires.
 *
 * Return: 0; -ENAMETOOLONG.
 */
int service_state_dir(const char *name, char ret_path[static SERVICE_PATH_MAX]);
/** service_runtime_dir() - the folder for sockets: $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR/NAME,
 * /run/NAME
 */
int service_runtime_dir(const char *name, char ret_path[static SERVICE_PATH_MAX]);

/** service_make_dir() - @path with all parents, mode 0700. Return: 0; negative errno */
int service_make_dir(const char *path);

/** service_raise_files() - as many open files as the hard limit allows, up to @wanted */
void service_raise_files(size_t wanted);
