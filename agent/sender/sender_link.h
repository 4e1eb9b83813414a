/* sender_link: what becomes of interfaces and source addresses while a job sends, with the times.
 * See sender.h for what other threads call. */
#pragma once
#include "sender/sender_private.h"

/** sender_link_tell() - at the end: add the problem of @code that @path had, if it had any. Thread:
 * worker. Return: had it? */
bool sender_link_tell(struct sender *sender, struct sender_path *path, enum problem_code code);
