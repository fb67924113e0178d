#include <unistd.h>

/* An app that does nothing for as long as it is let. */
int main(void)
{
	for (;;)
		pause();
}
