/*
 * token_command: `pagecastd token create|list|revoke`, the way to make tokens without an agent.
 *
 * The file is --tokens, else $PAGECAST_TOKENS, else the one in the folder of the state. A new
 * token alone goes to standard output, once; what there is to say goes to standard error.
 * Thread: main, before there are others.
 */
#pragma once

/**
 * token_command() - run it to its end
 * @argv:      [argc], the word "token" first
 * @state_dir: where the default file is; NULL: there is no default
 *
 * Return: the exit status: 0; 1: refused; 2: wrong usage; both after a message on standard error
 */
int token_command(int argc, char **argv, const char *state_dir);
