int unit1(int), unit2(int), unit3(int);

int main(void)
{
    enum { UNITS = 3 };
    int (*const units[UNITS])(int) = {unit1, unit2, unit3};
    for (int n = 0; n < UNITS; n++)
        if (units[n](UNITS) != n + 2)
            return 1;
    return 0;
}
