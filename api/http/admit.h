/*
 * admit: whether a request may go on, judged by its head alone: the head itself, the page and the
 * caller behind it, its path, and what it says of its body. Thread: the request's HTTP thread.
 */
#pragma once
#include "api/http/request.h"

/**
 * admit_head() - judge the head, and fill in what it says: head, route, protocol, caller
 * @method, @version: as sent
 *
 * Return: true; false: .reply holds the refusal
 */
bool admit_head(struct request *request, const char *method, const char *version);

/** admit_refuse_size() - the body is longer than its route takes */
void admit_refuse_size(struct request *request);
