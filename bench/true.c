/* The smallest app: what is measured is the engine. */
int main(void) { return 0; }
