/* account: see account.h. */
#include "sender/account.h"

void account_add(struct account *into, const struct account *from)
{
	into->packets_requested += from->packets_requested;
	into->packets_sent += from->packets_sent;
	into->packets_dropped += from->packets_dropped;
	into->packets_failed += from->packets_failed;
	into->packets_cancelled += from->packets_cancelled;
	into->bytes_sent += from->bytes_sent;
	into->syscalls += from->syscalls;
	into->pages += from->pages;
}

uint64_t account_attempted(const struct account *account)
{
	return account->packets_sent + account->packets_dropped + account->packets_failed;
}

void account_close(struct account *account, bool open_ended)
{
	uint64_t attempted = account_attempted(account);
	if (open_ended)
		account->packets_requested = attempted;
	else if (account->packets_requested > attempted)
		account->packets_cancelled = account->packets_requested - attempted;
}

bool account_balanced(const struct account *account)
{
	return account->packets_requested ==
	       account_attempted(account) + account->packets_cancelled;
}
