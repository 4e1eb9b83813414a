/*
 * service: what a program that runs for months needs of the system around it: its folders, limits,
 * and a word to the service manager. Thread: the main thread, before there are others.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { SERVICE_PATH_MAX = 4096 };

/**
 * service_notify() - tell systemd ("READY=1", "STOPPING=1"), where $NOTIFY_SOCKET names its socket
 *
 * Return: 1 told; 0: nobody wants to know; negative errno.
 */
int service_notify(const char *state);

/**
 * service_watchdog_ns() - systemd restarts what does not say "WATCHDOG=1" in every so many ns
 * ($WATCHDOG_USEC, $WATCHDOG_PID). Return: 0: it does not watch
 */
int64_t service_watchdog_ns(void);

/**
 * service_state_dir() - where state belongs: $STATE_DIRECTORY, $XDG_STATE_HOME/NAME,
 * $HOME/.local/state/NAME, /var/lib/NAME. Relative values are passed over, as XDG wants it.
 *
 * Return: 0; -ENAMETOOLONG.
 */
int service_state_dir(const char *name, char ret_path[static SERVICE_PATH_MAX]);
/** service_runtime_dir() - where sockets belong: $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR/NAME,
 * /run/NAME
 */
int service_runtime_dir(const char *name, char ret_path[static SERVICE_PATH_MAX]);

/** service_make_dir() - @path with all parents, mode 0700. Return: 0; negative errno */
int service_make_dir(const char *path);

/** service_raise_files() - as many open files as the hard limit allows, up to @wanted */
void service_raise_files(size_t wanted);
