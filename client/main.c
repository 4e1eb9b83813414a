/* pagecast: the command-line client. */
#include <stdio.h>

int main(void)
{
	printf("pagecast %s\n", PAGECAST_VERSION);
	return 0;
}
