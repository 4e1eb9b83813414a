/* pagecastd: settings, signals and the two sides of the agent put together. */
#include <stdio.h>

int main(void)
{
	printf("pagecastd %s\n", PAGECAST_VERSION);
	return 0;
}
