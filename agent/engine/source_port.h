/*
 * source_port: source ports that flows of this process share.
 *
 * The kernel lets two sockets have one port only if both say so, and then a socket of any other
 * program that says so as well. So a flow asks for its port alone, and shares it only with flows of
 * this process: datagrams of others' are never taken from them. Two flows with the same two ends
 * get each other's ICMP errors. Thread: any.
 */
#pragma once
#include <stdint.h>
#include <sys/socket.h>

/** source_port_bind() - bind @fd to @address; one with a port is to be given back. Return: 0;
 * -errno */
int source_port_bind(int fd, const struct sockaddr *address, socklen_t len, uint16_t port);
/** source_port_give_back() - the socket that was bound to @port has been closed; 0: it had none */
void source_port_give_back(uint16_t port);
