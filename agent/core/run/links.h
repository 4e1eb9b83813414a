/*
 * links: the thread that receives rtnetlink's notifications of interfaces and addresses, and passes
 * them to the senders of running jobs (sender_link_changed()). It sleeps while nothing changes.
 */
#pragma once
#include <stdbool.h>

struct agent;

/** links_open() - what links_main() listens to. Where the kernel refuses it, that is logged: jobs
 * then know of their interfaces how they were at the start and the end. Return: false: there is
 * nothing to listen to */
bool links_open(struct agent *agent);
/** links_main() - until links_stop(). @context: the struct agent. Return: NULL */
void *links_main(void *context);
/** links_stop() - links_main() is to return. Thread: any */
void links_stop(struct agent *agent);
/** links_close() - after its end */
void links_close(struct agent *agent);
